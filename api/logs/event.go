package logs

import (
	"context"

	"slipway/api/awswire"
	"slipway/logs"
)

// sequenceToken is for old clients that want one: as at AWS, every token is always right.
const sequenceToken = "49600000000000000000000000000000000000000000000000000000"

func (d *door) putLogEvents(ctx context.Context, in *PutLogEventsInput) (*PutLogEventsOutput, error) {
	events := make([]logs.Event, len(in.LogEvents))
	for i, e := range in.LogEvents {
		events[i] = logs.Event{Time: e.Timestamp, Message: e.Message}
	}
	rejected, err := d.control.Put(ctx, awswire.CallerOf(ctx).Account, in.LogGroupName, in.LogStreamName, events)
	if err != nil {
		return nil, err
	}
	out := &PutLogEventsOutput{NextSequenceToken: new(sequenceToken), RejectedLogEventsInfo: wireRejected(rejected, len(events))}
	if in.Entity != nil { // the events are kept, what they are said to belong to is not
		out.RejectedEntityInfo = &RejectedEntityInfo{ErrorType: EntityRejectionErrorTypeUnsupportedLogGroupType}
	}
	return out, nil
}

func wireRejected(r logs.Rejected, events int) *RejectedLogEventsInfo {
	if r == (logs.Rejected{TooNew: events}) {
		return nil
	}
	info := &RejectedLogEventsInfo{}
	if r.TooOld > 0 {
		info.TooOldLogEventEndIndex = new(int32(r.TooOld))
	}
	if r.Expired > 0 {
		info.ExpiredLogEventEndIndex = new(int32(r.Expired))
	}
	if r.TooNew < events {
		info.TooNewLogEventStartIndex = new(int32(r.TooNew))
	}
	return info
}

func (d *door) getLogEvents(ctx context.Context, in *GetLogEventsInput) (*GetLogEventsOutput, error) {
	g, err := d.here(d.groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	page, err := d.control.Read(ctx, g.account, logs.ReadQuery{
		Group:    g.name,
		Stream:   in.LogStreamName,
		Span:     logs.Span{From: awswire.Or(in.StartTime, logs.AllTime.From), Until: awswire.Or(in.EndTime, logs.AllTime.Until)},
		Limit:    int(awswire.Or(in.Limit, 0)),
		FromHead: awswire.Or(in.StartFromHead, false),
		Token:    awswire.Or(in.NextToken, ""),
	})
	out := &GetLogEventsOutput{
		Events:            make([]OutputLogEvent, len(page.Records)),
		NextForwardToken:  &page.Forward,
		NextBackwardToken: &page.Backward,
	}
	for i := range page.Records {
		r := &page.Records[i]
		out.Events[i] = OutputLogEvent{Timestamp: &r.Time, Message: &r.Message, IngestionTime: &r.Ingested}
	}
	return out, err
}

func (d *door) filterLogEvents(ctx context.Context, in *FilterLogEventsInput) (*FilterLogEventsOutput, error) {
	g, err := d.here(d.groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	if in.LogStreamNames != nil && in.LogStreamNamePrefix != nil {
		return nil, InvalidParameterException.New("logStreamNames and logStreamNamePrefix cannot be given together.")
	}
	span := logs.AllTime
	if in.StartTime != nil {
		span.From = *in.StartTime
	}
	if in.EndTime != nil && *in.EndTime < span.Until {
		span.Until = *in.EndTime + 1 // here, and not in GetLogEvents, events of that time are wanted too
	}
	records, token, err := d.control.Filter(ctx, g.account, logs.FilterQuery{
		Group:   g.name,
		Streams: in.LogStreamNames,
		Prefix:  awswire.Or(in.LogStreamNamePrefix, ""),
		Span:    span,
		Pattern: awswire.Or(in.FilterPattern, ""),
		Limit:   int(awswire.Or(in.Limit, 0)),
		Token:   awswire.Or(in.NextToken, ""),
	})
	out := &FilterLogEventsOutput{Events: make([]FilteredLogEvent, len(records)), SearchedLogStreams: []SearchedLogStream{}, NextToken: some(token)}
	for i := range records {
		r := &records[i]
		out.Events[i] = FilteredLogEvent{EventId: &r.ID, LogStreamName: &r.Stream, Timestamp: &r.Time, Message: &r.Message, IngestionTime: &r.Ingested}
	}
	return out, err
}
