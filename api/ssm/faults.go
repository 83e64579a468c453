package ssm

import (
	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/secrets"
)

// Faults that Systems Manager answers with and its model does not have.
var (
	validation   = awswire.FaultType{Shape: "ValidationException", Status: 400}
	accessDenied = awswire.FaultType{Shape: "AccessDeniedException", Status: 400}
)

// faults names the room's causes, whose texts are AWS's.
var faults = awswire.Faults{
	{Cause: secrets.ErrNoParameter, Fault: ParameterNotFound},
	{Cause: secrets.ErrNoVersion, Fault: ParameterVersionNotFound},
	{Cause: secrets.ErrParameterExists, Fault: ParameterAlreadyExists},
	{Cause: secrets.ErrParameter, Fault: validation},
	{Cause: secrets.ErrInput, Fault: validation},
	{Cause: secrets.ErrReserved, Fault: accessDenied},
	{Cause: secrets.ErrLevels, Fault: HierarchyLevelLimitExceededException},
	{Cause: secrets.ErrPattern, Fault: InvalidAllowedPatternException},
	{Cause: secrets.ErrMismatch, Fault: ParameterPatternMismatchException},
	{Cause: secrets.ErrTooManyParameters, Fault: ParameterLimitExceeded},
	{Cause: secrets.ErrLabelled, Fault: ParameterMaxVersionLimitExceeded},
	{Cause: secrets.ErrTooManyLabels, Fault: ParameterVersionLabelLimitExceeded},
	{Cause: secrets.ErrTooManyTags, Fault: TooManyTagsError},
	{Cause: secrets.ErrFilterKey, Fault: InvalidFilterKey},
	{Cause: secrets.ErrFilterOption, Fault: InvalidFilterOption},
	{Cause: secrets.ErrFilterValue, Fault: InvalidFilterValue},
	{Cause: page.ErrToken, Fault: InvalidNextToken, Text: "The specified token isn't valid."},
}

// unsupported is the refusal of a member that asks for what Slipway does not do.
func unsupported(what string) error { return validation.Newf("%s is not supported by Slipway.", what) }
