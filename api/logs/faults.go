package logs

import (
	"slipway/api/awswire"
	"slipway/logs"
)

// faults names the room's causes. The texts are those of Amazon CloudWatch Logs, where it has one.
var faults = awswire.Faults{
	{Cause: logs.ErrNoGroup, Fault: ResourceNotFoundException, Text: "The specified log group does not exist."},
	{Cause: logs.ErrNoStream, Fault: ResourceNotFoundException, Text: "The specified log stream does not exist."},
	{Cause: logs.ErrGroupExists, Fault: ResourceAlreadyExistsException, Text: "The specified log group already exists"},
	{Cause: logs.ErrStreamExists, Fault: ResourceAlreadyExistsException, Text: "The specified log stream already exists"},
	{Cause: logs.ErrOrder, Fault: InvalidParameterException, Text: "Log events in a single PutLogEvents request must be in chronological order."},
	{Cause: logs.ErrSpan, Fault: InvalidParameterException, Text: "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."},
	{Cause: logs.ErrTooLarge, Fault: InvalidParameterException}, // "Upload too large: 1166386 bytes exceeds limit of 1048576"
	{Cause: logs.ErrEvent, Fault: InvalidParameterException},
	{Cause: logs.ErrPolicy, Fault: InvalidParameterException},
	{Cause: logs.ErrNoPolicy, Fault: ResourceNotFoundException, Text: "Policy does not exist."},
	{Cause: logs.ErrTooManyPolicies, Fault: LimitExceededException, Text: "Resource limit exceeded."},
	{Cause: logs.ErrExportSpan, Fault: InvalidParameterException, Text: "The specified time range is invalid."},
	{Cause: logs.ErrTooManyExports, Fault: LimitExceededException, Text: "Resource limit exceeded."},
	{Cause: logs.ErrNoExport, Fault: ResourceNotFoundException, Text: "The specified export task does not exist."},
	{Cause: logs.ErrExportOver, Fault: InvalidOperationException, Text: "The specified export task is not in a state that can be cancelled."},
	{Cause: logs.ErrBucket, Fault: InvalidParameterException},
	{Cause: logs.ErrToken, Fault: InvalidParameterException, Text: "The specified nextToken is invalid."},
	{Cause: logs.ErrPattern, Fault: InvalidParameterException},
	{Cause: logs.ErrName, Fault: InvalidParameterException},
	{Cause: logs.ErrRetention, Fault: InvalidParameterException},
	{Cause: logs.ErrTag, Fault: InvalidParameterException},
	{Cause: logs.ErrTooManyTags, Fault: TooManyTagsException},
}

// unsupported is the refusal of a member that asks for what Slipway does not do.
func unsupported(member string) error {
	return InvalidParameterException.Newf("%s is not supported by Slipway.", member)
}
