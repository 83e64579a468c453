package logs

import (
	"context"

	"slipway/api/awswire"
	"slipway/logs"
)

func (d *door) createLogStream(ctx context.Context, in *CreateLogStreamInput) (*awswire.None, error) {
	return nil, d.control.CreateStream(ctx, awswire.CallerOf(ctx).Account, in.LogGroupName, in.LogStreamName)
}

func (d *door) deleteLogStream(ctx context.Context, in *DeleteLogStreamInput) (*awswire.None, error) {
	return nil, d.control.DeleteStream(ctx, awswire.CallerOf(ctx).Account, in.LogGroupName, in.LogStreamName)
}

func (d *door) describeLogStreams(ctx context.Context, in *DescribeLogStreamsInput) (*DescribeLogStreamsOutput, error) {
	g, err := d.here(d.groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	byTime := awswire.Or(in.OrderBy, OrderByLogStreamName) == OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, InvalidParameterException.New("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	streams, token, err := d.control.Streams(ctx, g.account, logs.StreamQuery{
		Group:      g.name,
		Prefix:     awswire.Or(in.LogStreamNamePrefix, ""),
		ByTime:     byTime,
		Descending: awswire.Or(in.Descending, false),
		Limit:      int(awswire.Or(in.Limit, 0)),
		Token:      awswire.Or(in.NextToken, ""),
	})
	out := &DescribeLogStreamsOutput{LogStreams: []LogStream{}, NextToken: some(token)}
	for _, s := range streams {
		out.LogStreams = append(out.LogStreams, wireStream(g, s))
	}
	return out, err
}

// wireStream has no size: as at AWS, only groups tell theirs. Times that have not come are left out.
func wireStream(g group, s logs.Stream) LogStream {
	stream := LogStream{
		Arn:                 new(g.streamARN(s.Name)),
		LogStreamName:       &s.Name,
		CreationTime:        new(s.Created.UnixMilli()),
		StoredBytes:         new(int64(0)),
		UploadSequenceToken: new(sequenceToken),
	}
	if s.FirstTime != 0 {
		stream.FirstEventTimestamp = &s.FirstTime
	}
	if s.LastTime != 0 {
		stream.LastEventTimestamp = &s.LastTime
	}
	if !s.Ingested.IsZero() {
		stream.LastIngestionTime = new(s.Ingested.UnixMilli())
	}
	return stream
}
