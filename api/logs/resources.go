package logs

import (
	"context"

	"slipway/api/awswire"
	"slipway/internal/arn"
)

type ctx = context.Context

// What each operation acts on. Source: Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon CloudWatch Logs". As at AWS, an operation on a group names the empty
// stream in it, so that policies for "log-group:name:*" cover it.

func (d *door) onGroup(c ctx, name string) []string { return []string{d.streamARN(c, name, "")} }

// onGroupOf is for groups that may be given by an ARN, which may be another account's.
func (d *door) onGroupOf(c ctx, name, identifier *string, stream string) []string {
	if identifier != nil && arn.Is(*identifier) {
		if a, err := arn.Parse(*identifier); err == nil {
			if group, ok := groupIn(a); ok {
				a.Resource = groupPrefix + group + streamPart + stream
				return []string{a.String()}
			}
		}
	}
	return []string{d.streamARN(c, awswire.Or(name, awswire.Or(identifier, "")), stream)}
}

func (d *door) onCreateLogGroup(c ctx, in *CreateLogGroupInput) []string {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onDescribeLogGroups(c ctx, _ *DescribeLogGroupsInput) []string {
	return d.onGroup(c, "")
}

func (d *door) onDeleteLogGroup(c ctx, in *DeleteLogGroupInput) []string {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onPutRetentionPolicy(c ctx, in *PutRetentionPolicyInput) []string {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onDeleteRetentionPolicy(c ctx, in *DeleteRetentionPolicyInput) []string {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onCreateLogStream(c ctx, in *CreateLogStreamInput) []string {
	return []string{d.streamARN(c, in.LogGroupName, in.LogStreamName)}
}

func (d *door) onDescribeLogStreams(c ctx, in *DescribeLogStreamsInput) []string {
	return d.onGroupOf(c, in.LogGroupName, in.LogGroupIdentifier, "")
}

func (d *door) onDeleteLogStream(c ctx, in *DeleteLogStreamInput) []string {
	return []string{d.streamARN(c, in.LogGroupName, in.LogStreamName)}
}

func (d *door) onPutLogEvents(c ctx, in *PutLogEventsInput) []string {
	return []string{d.streamARN(c, in.LogGroupName, in.LogStreamName)}
}

func (d *door) onGetLogEvents(c ctx, in *GetLogEventsInput) []string {
	return d.onGroupOf(c, in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName)
}

func (d *door) onFilterLogEvents(c ctx, in *FilterLogEventsInput) []string {
	return d.onGroupOf(c, in.LogGroupName, in.LogGroupIdentifier, "")
}

func (d *door) onTagResource(c ctx, in *TagResourceInput) []string {
	return d.onTagged(c, in.ResourceArn)
}

func (d *door) onUntagResource(c ctx, in *UntagResourceInput) []string {
	return d.onTagged(c, in.ResourceArn)
}

func (d *door) onListTagsForResource(c ctx, in *ListTagsForResourceInput) []string {
	return d.onTagged(c, in.ResourceArn)
}

// onTagged lets what is no ARN pass as one of the caller's, so that the handler can say what is wrong.
func (d *door) onTagged(c ctx, resource string) []string {
	if _, err := arn.Parse(resource); err != nil {
		return d.onGroup(c, resource)
	}
	return []string{resource}
}
