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

func (d *door) onGroup(c ctx, name string) []awswire.Ask { return awswire.On(d.streamARN(c, name, "")) }

// onGroupOf is for groups that may be given by an ARN, which may be another account's.
func (d *door) onGroupOf(c ctx, name, identifier *string, stream string) []awswire.Ask {
	if identifier != nil && arn.Is(*identifier) {
		if a, err := arn.Parse(*identifier); err == nil {
			if group, ok := groupIn(a); ok {
				a.Resource = groupPrefix + group + streamPart + stream
				return awswire.On(a.String())
			}
		}
	}
	return awswire.On(d.streamARN(c, awswire.Or(name, awswire.Or(identifier, "")), stream))
}

func (d *door) onCreateLogGroup(c ctx, in *CreateLogGroupInput) []awswire.Ask {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onDescribeLogGroups(c ctx, _ *DescribeLogGroupsInput) []awswire.Ask {
	return d.onGroup(c, "")
}

func (d *door) onDeleteLogGroup(c ctx, in *DeleteLogGroupInput) []awswire.Ask {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onPutRetentionPolicy(c ctx, in *PutRetentionPolicyInput) []awswire.Ask {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onDeleteRetentionPolicy(c ctx, in *DeleteRetentionPolicyInput) []awswire.Ask {
	return d.onGroup(c, in.LogGroupName)
}

func (d *door) onCreateLogStream(c ctx, in *CreateLogStreamInput) []awswire.Ask {
	return awswire.On(d.streamARN(c, in.LogGroupName, in.LogStreamName))
}

func (d *door) onDescribeLogStreams(c ctx, in *DescribeLogStreamsInput) []awswire.Ask {
	return d.onGroupOf(c, in.LogGroupName, in.LogGroupIdentifier, "")
}

func (d *door) onDeleteLogStream(c ctx, in *DeleteLogStreamInput) []awswire.Ask {
	return awswire.On(d.streamARN(c, in.LogGroupName, in.LogStreamName))
}

func (d *door) onPutLogEvents(c ctx, in *PutLogEventsInput) []awswire.Ask {
	return awswire.On(d.streamARN(c, in.LogGroupName, in.LogStreamName))
}

func (d *door) onGetLogEvents(c ctx, in *GetLogEventsInput) []awswire.Ask {
	return d.onGroupOf(c, in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName)
}

func (d *door) onFilterLogEvents(c ctx, in *FilterLogEventsInput) []awswire.Ask {
	return d.onGroupOf(c, in.LogGroupName, in.LogGroupIdentifier, "")
}

func (d *door) onTagResource(c ctx, in *TagResourceInput) []awswire.Ask {
	return d.onTagged(c, in.ResourceArn)
}

func (d *door) onUntagResource(c ctx, in *UntagResourceInput) []awswire.Ask {
	return d.onTagged(c, in.ResourceArn)
}

func (d *door) onListTagsForResource(c ctx, in *ListTagsForResourceInput) []awswire.Ask {
	return d.onTagged(c, in.ResourceArn)
}

// onTagged lets what is no ARN pass as one of the caller's, so that the handler can say what is wrong.
func (d *door) onTagged(c ctx, resource string) []awswire.Ask {
	if _, err := arn.Parse(resource); err != nil {
		return d.onGroup(c, resource)
	}
	return awswire.On(resource)
}
