package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
	"slipway/functions/archive"
	"slipway/internal/page"
)

// Faults that the service answers with and its model does not have.
var (
	validation = awswire.FaultType{Shape: "ValidationException", Status: 400}
	tooLarge   = awswire.FaultType{Shape: "RequestEntityTooLargeException", Status: 413}
)

// faults names the room's causes. The texts are those of AWS Lambda, where it has one.
var faults = awswire.Faults{
	{Cause: functions.ErrPayload, Fault: InvalidRequestContentException}, // "Could not parse request body into json: ..."
	{Cause: functions.ErrPayloadSize, Fault: RequestTooLargeException},
	{Cause: functions.ErrNotReady, Fault: ResourceConflictException},
	{Cause: functions.ErrThrottled, Fault: TooManyRequestsException},
	{Cause: errFunction, Fault: awswire.FaultType{Shape: "InternalServerErrorException", Status: 502}}, // at URLs
	{Cause: functions.ErrNoFunction, Fault: ResourceNotFoundException},                                 // "Function not found: arn:aws:lambda:..."
	{Cause: functions.ErrNoAlias, Fault: ResourceNotFoundException},
	{Cause: functions.ErrThere, Fault: ResourceConflictException},
	{Cause: functions.ErrBusy, Fault: ResourceConflictException},
	{Cause: functions.ErrPrecondition, Fault: PreconditionFailedException},
	{Cause: functions.ErrInput, Fault: InvalidParameterValueException},
	{Cause: functions.ErrForm, Fault: validation},
	{Cause: functions.ErrRole, Fault: InvalidParameterValueException},
	{Cause: functions.ErrRuntime, Fault: InvalidParameterValueException},
	{Cause: functions.ErrImage, Fault: InvalidParameterValueException},
	{Cause: functions.ErrObject, Fault: InvalidParameterValueException}, // "Error occurred while GetObject. S3 Error Code: NoSuchKey. ..."
	{Cause: functions.ErrObjectDenied, Fault: awswire.FaultType{Shape: "AccessDeniedException", Status: 403}},
	{Cause: functions.ErrStorage, Fault: CodeStorageExceededException},
	{Cause: functions.ErrTooLarge, Fault: tooLarge},
	{Cause: archive.ErrFormat, Fault: InvalidParameterValueException},
	{Cause: archive.ErrEmpty, Fault: InvalidParameterValueException},
	{Cause: archive.ErrTooLarge, Fault: InvalidParameterValueException},
	{Cause: archive.ErrTooMany, Fault: InvalidParameterValueException},
	{Cause: archive.ErrUnsafe, Fault: InvalidParameterValueException},
	{Cause: archive.ErrKind, Fault: InvalidParameterValueException},
	{Cause: functions.ErrNoLayer, Fault: ResourceNotFoundException},
	{Cause: functions.ErrNoSetting, Fault: ResourceNotFoundException},
	{Cause: functions.ErrNoProvisioned, Fault: ProvisionedConcurrencyConfigNotFoundException},
	{Cause: functions.ErrPolicyLength, Fault: PolicyLengthExceededException},
	{Cause: page.ErrToken, Fault: InvalidParameterValueException},
}

// unsupported is the refusal of a member that asks for what Slipway does not do.
func unsupported(member string) error {
	return InvalidParameterValueException.Newf("%s is not supported by Slipway.", member)
}
