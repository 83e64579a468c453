package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
)

// faults names the room's causes. The texts are those of AWS Lambda, where it has one.
var faults = awswire.Faults{
	{Cause: functions.ErrPayload, Fault: InvalidRequestContentException}, // "Could not parse request body into json: ..."
	{Cause: functions.ErrPayloadSize, Fault: RequestTooLargeException},
	{Cause: functions.ErrNotReady, Fault: ResourceConflictException},
	{Cause: functions.ErrNoFunction, Fault: ResourceNotFoundException}, // "Function not found: arn:aws:lambda:..."
}

// unsupported is the refusal of a member that asks for what Slipway does not do.
func unsupported(member string) error {
	return InvalidParameterValueException.Newf("%s is not supported by Slipway.", member)
}
