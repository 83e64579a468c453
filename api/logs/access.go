package logs

import (
	"context"
	"errors"

	"slipway/api/awswire"
	"slipway/internal/arn"
	"slipway/logs"
)

type ctx = context.Context

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch Logs". As at
// AWS, an operation on a group names the empty stream in it, so that policies for "log-group:name:*"
// cover it; those on tags name the group alone.
//
// A group of another account, which only an ARN can name, is for whom a policy of that account lets in.

func (d *door) onCreateLogGroup(c ctx, in *CreateLogGroupInput) []awswire.Ask {
	made := d.own(c, in.LogGroupName)
	asks := []awswire.Ask{d.onStream(made, "")}
	if len(in.Tags) > 0 {
		asks = append(asks, d.onGroup(made))
		asks[1].Action = "logs:TagResource"
	}
	return asks
}

func (d *door) onDescribeLogGroups(c ctx, in *DescribeLogGroupsInput) []awswire.Ask {
	if len(in.LogGroupIdentifiers) == 0 {
		return []awswire.Ask{d.onStream(d.own(c, ""), "")}
	}
	var asks []awswire.Ask
	for _, identifier := range in.LogGroupIdentifiers {
		asks = append(asks, d.onIdentified(c, nil, &identifier, "")...)
	}
	return asks
}

func (d *door) onDeleteLogGroup(c ctx, in *DeleteLogGroupInput) []awswire.Ask {
	return []awswire.Ask{d.onStream(d.own(c, in.LogGroupName), "")}
}

func (d *door) onPutRetentionPolicy(c ctx, in *PutRetentionPolicyInput) []awswire.Ask {
	return []awswire.Ask{d.onStream(d.own(c, in.LogGroupName), "")}
}

func (d *door) onDeleteRetentionPolicy(c ctx, in *DeleteRetentionPolicyInput) []awswire.Ask {
	return []awswire.Ask{d.onStream(d.own(c, in.LogGroupName), "")}
}

func (d *door) onCreateLogStream(c ctx, in *CreateLogStreamInput) []awswire.Ask {
	return []awswire.Ask{d.onStream(d.own(c, in.LogGroupName), in.LogStreamName)}
}

func (d *door) onDescribeLogStreams(c ctx, in *DescribeLogStreamsInput) []awswire.Ask {
	return d.onIdentified(c, in.LogGroupName, in.LogGroupIdentifier, "")
}

func (d *door) onDeleteLogStream(c ctx, in *DeleteLogStreamInput) []awswire.Ask {
	return []awswire.Ask{d.onStream(d.own(c, in.LogGroupName), in.LogStreamName)}
}

func (d *door) onPutLogEvents(c ctx, in *PutLogEventsInput) []awswire.Ask {
	return []awswire.Ask{d.onStream(d.own(c, in.LogGroupName), in.LogStreamName)}
}

func (d *door) onGetLogEvents(c ctx, in *GetLogEventsInput) []awswire.Ask {
	return d.onIdentified(c, in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName)
}

func (d *door) onFilterLogEvents(c ctx, in *FilterLogEventsInput) []awswire.Ask {
	return d.onIdentified(c, in.LogGroupName, in.LogGroupIdentifier, "")
}

// onCreateExportTask asks for the bucket as well, which at AWS a policy of the bucket decides.
func (d *door) onCreateExportTask(c ctx, in *CreateExportTaskInput) []awswire.Ask {
	into := arn.ARN{Service: "s3", Resource: in.Destination + "/" + exportPrefix(in) + "/*"}.String()
	return []awswire.Ask{d.onStream(d.own(c, in.LogGroupName), ""), {Action: "s3:PutObject", Resource: into}}
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

// onIdentified is for groups that are given by a name, or an identifier that may be an ARN.
func (d *door) onIdentified(c ctx, name, identifier *string, stream string) []awswire.Ask {
	g, err := d.groupOf(c, name, identifier)
	if err != nil {
		return []awswire.Ask{{Err: err}}
	}
	return []awswire.Ask{d.onStream(g, stream)}
}

func (d *door) onTagged(c ctx, resource string) []awswire.Ask {
	g, err := d.taggedGroup(c, resource)
	if err != nil {
		return []awswire.Ask{{Err: err}}
	}
	return []awswire.Ask{d.onGroup(g)}
}

func (d *door) onGroup(g group) awswire.Ask {
	return awswire.Ask{
		Resource: g.arn(),
		Tags: func(c ctx) (map[string]string, error) {
			tags, err := d.control.Tags(c, g.account, g.name)
			if errors.Is(err, logs.ErrNoGroup) {
				return nil, nil // what is not there has none
			}
			return tags, err
		},
		Policy: func(c ctx) (string, error) { return d.control.DecidingPolicy(c, g.account) },
	}
}

func (d *door) onStream(g group, stream string) awswire.Ask {
	ask := d.onGroup(g)
	ask.Resource = g.streamARN(stream)
	return ask
}

// group is one as a call names it.
type group struct{ region, account, name string }

// own is a group of the caller's.
func (d *door) own(c ctx, name string) group {
	return group{d.region, awswire.CallerOf(c).Account, name}
}

const groupPrefix, streamPart = "log-group:", ":log-stream:"

// arn names a group, and with ":*" all in it.
func (g group) arn() string {
	return arn.ARN{Service: "logs", Region: g.region, Account: g.account, Resource: groupPrefix + g.name}.String()
}

// streamARN names a stream; of the empty stream, it stands for the group when a call is authorized.
func (g group) streamARN(stream string) string { return g.arn() + streamPart + stream }
