package iam

import (
	"slipway/accounts"
	"slipway/api/awswire"
)

// validationError is the fault of a broken constraint, which the model does not declare.
var validationError = awswire.FaultType{Shape: "ValidationError", Status: 400}

// accessDenied is the fault of who may not, which the model does not declare.
var accessDenied = awswire.FaultType{Shape: "AccessDeniedException", Code: "AccessDenied", Status: 403}

// faults names the room's causes, whose texts are AWS's.
var faults = awswire.Faults{
	{Cause: accounts.ErrNoEntity, Fault: NoSuchEntityException},
	{Cause: accounts.ErrEntityExists, Fault: EntityAlreadyExistsException},
	{Cause: accounts.ErrQuota, Fault: LimitExceededException},
	{Cause: accounts.ErrInUse, Fault: DeleteConflictException},
	{Cause: accounts.ErrUnmodifiable, Fault: UnmodifiableEntityException},
	{Cause: accounts.ErrOfAWS, Fault: accessDenied},
	{Cause: accounts.ErrNotAttachable, Fault: PolicyNotAttachableException},
	{Cause: accounts.ErrMalformed, Fault: MalformedPolicyDocumentException},
	{Cause: accounts.ErrInput, Fault: InvalidInputException},
	{Cause: accounts.ErrName, Fault: validationError},
	{Cause: accounts.ErrToken, Fault: validationError},
}
