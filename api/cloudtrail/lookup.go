package cloudtrail

import (
	"context"
	"strings"
	"time"

	"slipway/api/awswire"
	"slipway/audit"
)

const (
	maxResults   = 50
	sourceSuffix = ".amazonaws.com" // of the name of a service as the source of an event
)

func (d *door) lookupEvents(ctx context.Context, in *LookupEventsInput) (*LookupEventsOutput, error) {
	q, err := queryOf(in)
	if err != nil {
		return nil, err
	}
	account := awswire.CallerOf(ctx).Account
	entries, next, err := d.control.Lookup(ctx, account, q)
	if err != nil {
		return nil, err
	}
	out := &LookupEventsOutput{Events: make([]Event, len(entries)), NextToken: some(next)}
	for i := range entries {
		if out.Events[i], err = wireEvent(&entries[i], account); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// queryOf checks what the model has faults of its own for.
func queryOf(in *LookupEventsInput) (q audit.Query, err error) {
	q.Token = awswire.Or(in.NextToken, "")
	q.Limit = int(awswire.Or(in.MaxResults, maxResults))
	switch {
	case in.EventCategory != nil:
		return q, InvalidEventCategoryException.Newf("The event category '%s' is not supported by Slipway: leave EventCategory out.", *in.EventCategory)
	case q.Limit < 1 || q.Limit > maxResults:
		return q, InvalidMaxResultsException.Newf("MaxResults is %d: it must be from 1 to %d.", q.Limit, maxResults)
	case len(in.LookupAttributes) > 1:
		return q, InvalidLookupAttributesException.Newf("There are %d lookup attributes: only one can be specified.", len(in.LookupAttributes))
	}
	for _, a := range in.LookupAttributes {
		q.By, q.Value = attributeOf(a)
	}
	q.From, q.Until, err = spanOf(in.StartTime, in.EndTime)
	return q, err
}

// spanOf takes events as they are told, with times of whole seconds: those of the second in which the span
// ends are in it.
func spanOf(start, end *time.Time) (from, until time.Time, err error) {
	if start != nil && end != nil && start.After(*end) {
		return from, until, InvalidTimeRangeException.Newf("The start time %s is after the end time %s.", start.Format(time.RFC3339), end.Format(time.RFC3339))
	}
	if start != nil {
		from = start.Truncate(time.Second)
		if from.Before(*start) {
			from = from.Add(time.Second)
		}
	}
	if end != nil {
		until = end.Truncate(time.Second).Add(time.Second)
	}
	return from, until, nil
}

var attributes = map[LookupAttributeKey]audit.Attribute{
	LookupAttributeKeyEventId:      audit.ByID,
	LookupAttributeKeyEventName:    audit.ByOperation,
	LookupAttributeKeyReadOnly:     audit.ByReadOnly,
	LookupAttributeKeyUsername:     audit.ByPrincipal,
	LookupAttributeKeyResourceType: audit.ByResourceType,
	LookupAttributeKeyResourceName: audit.ByResource,
	LookupAttributeKeyEventSource:  audit.ByService,
	LookupAttributeKeyAccessKeyId:  audit.ByAccessKey,
}

func attributeOf(a LookupAttribute) (by audit.Attribute, value string) {
	by, value = attributes[a.AttributeKey], a.AttributeValue
	if by != audit.ByService {
		return by, value
	}
	service, found := strings.CutSuffix(value, sourceSuffix)
	if !found {
		return by, value + sourceSuffix // which is no service
	}
	return by, service
}

// some is nil for "", which the wire leaves out.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
