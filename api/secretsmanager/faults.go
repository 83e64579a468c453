package secretsmanager

import (
	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/secrets"
)

// validation is a fault that Secrets Manager answers with and its model does not have.
var validation = awswire.FaultType{Shape: "ValidationException", Status: 400}

// faults names the room's causes, whose texts are AWS's.
var faults = awswire.Faults{
	{Cause: secrets.ErrNoSecret, Fault: ResourceNotFoundException},
	{Cause: secrets.ErrSecretExists, Fault: ResourceExistsException},
	{Cause: secrets.ErrName, Fault: validation},
	{Cause: secrets.ErrInput, Fault: InvalidParameterException},
	{Cause: secrets.ErrState, Fault: InvalidRequestException},
	{Cause: secrets.ErrTooManySecrets, Fault: LimitExceededException},
	{Cause: secrets.ErrPolicy, Fault: MalformedPolicyDocumentException},
	{Cause: secrets.ErrPublicPolicy, Fault: PublicPolicyException},
	{Cause: page.ErrToken, Fault: InvalidNextTokenException, Text: "The NextToken value is invalid."},
}

// unsupported is the refusal of a member that asks for what Slipway does not do.
func unsupported(member string) error {
	return InvalidParameterException.Newf("%s is not supported by Slipway.", member)
}
