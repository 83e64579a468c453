// Package calls is the door by which one learns which calls of functions were given up, has them made again, and
// sees how often functions were called. It is Slipway's own: AWS leaves the first to queues of Amazon SQS and the
// last to CloudWatch.
package calls

import (
	"context"
	"time"

	"slipway/api/awswire"
	"slipway/functions"
)

// API is the service. Its calls are signed for "slipway".
var API = &awswire.API{
	Name: "slipway", ServiceID: "Slipway Calls", Version: "2026-11-21", Protocols: []awswire.Protocol{awswire.JSON11}, Target: "SlipwayCalls_20261121",
	Invalid: "InvalidParameterException", ServerFault: "ServerException", Operations: []string{"DescribeDeadCall", "DescribeFunctionUsage", "ListDeadCalls", "ReplayDeadCalls"},
}

// The operations.
var (
	// ListDeadCalls lists calls that were accepted and given up, the last first.
	ListDeadCalls = awswire.NewOp[ListDeadCallsInput, ListDeadCallsOutput](API, "ListDeadCalls", "POST", "/", 200)
	// DescribeDeadCall shows one of them with its payload.
	DescribeDeadCall = awswire.NewOp[DescribeDeadCallInput, DescribeDeadCallOutput](API, "DescribeDeadCall", "POST", "/", 200)
	// ReplayDeadCalls has one of them made again, or all of a function.
	ReplayDeadCalls = awswire.NewOp[ReplayDeadCallsInput, ReplayDeadCallsOutput](API, "ReplayDeadCalls", "POST", "/", 200)
	// DescribeFunctionUsage tells how often each function was called since a time.
	DescribeFunctionUsage = awswire.NewOp[DescribeFunctionUsageInput, DescribeFunctionUsageOutput](API, "DescribeFunctionUsage", "POST", "/", 200)
)

// ListDeadCallsInput asks for the calls of one function, or of all.
type ListDeadCallsInput struct {
	FunctionName *string `aws:"functionName"` // name or ARN; none: all
	MaxResults   *int32  `aws:"maxResults"`   // none: 100; 1000 at most
	NextToken    *string `aws:"nextToken"`
}

// ListDeadCallsOutput is a page of calls, without their payloads.
type ListDeadCallsOutput struct {
	Calls     []Call  `aws:"calls"`
	NextToken *string `aws:"nextToken"`
}

// Call is a call that was given up.
type Call struct {
	RequestID   *string    `aws:"requestId"`
	FunctionArn *string    `aws:"functionArn"` // as it was called
	Condition   *string    `aws:"condition"`   // RetriesExhausted, EventAgeExceeded, FunctionNotFound or AccountClosed
	Reason      *string    `aws:"reason"`      // of the last failure
	Invocations *int32     `aws:"invocations"` // how often it was made
	Accepted    *time.Time `aws:"acceptedAt"`
	Ended       *time.Time `aws:"endedAt"`
	PayloadSize *int64     `aws:"payloadSize"` // bytes
}

// DescribeDeadCallInput names a call.
type DescribeDeadCallInput struct {
	RequestID string `aws:"requestId,required"`
}

// DescribeDeadCallOutput is the call with what its function was given, and answered at last.
type DescribeDeadCallOutput struct {
	Call     *Call   `aws:"call"`
	Payload  *string `aws:"payload"`
	Response *string `aws:"response"` // its first 64 KiB
}

// ReplayDeadCallsInput names a call, or the function whose calls are meant.
type ReplayDeadCallsInput struct {
	RequestID    *string `aws:"requestId"`
	FunctionName *string `aws:"functionName"`
}

// ReplayDeadCallsOutput tells how many calls are made again.
type ReplayDeadCallsOutput struct {
	Replayed *int64 `aws:"replayed"`
}

// DescribeFunctionUsageInput asks for what was since a time.
type DescribeFunctionUsageInput struct {
	Since *time.Time `aws:"since"` // none: 24 hours ago. The hour that it is in counts as a whole
}

// DescribeFunctionUsageOutput has an entry for each function that was called.
type DescribeFunctionUsageOutput struct {
	Functions []Usage `aws:"functions"`
}

// Usage is how often a function was called, and what that took.
type Usage struct {
	FunctionArn  *string  `aws:"functionArn"`
	Invocations  *int64   `aws:"invocations"`
	Errors       *int64   `aws:"errors"`     // of the function
	ColdStarts   *int64   `aws:"coldStarts"` // for which a sandbox was made
	Duration     *float64 `aws:"durationSeconds"`
	GigabyteTime *float64 `aws:"gigabyteSeconds"` // billed duration times memory
}

// What can go wrong.
var (
	notFound         = awswire.FaultType{Shape: "ResourceNotFoundException", Status: 400}
	invalidParameter = awswire.FaultType{Shape: "InvalidParameterException", Status: 400}
)

var faults = awswire.Faults{
	{Cause: functions.ErrNoDeadCall, Fault: notFound},
	{Cause: functions.ErrNoFunction, Fault: notFound},
	{Cause: functions.ErrForm, Fault: invalidParameter},
	{Cause: functions.ErrInput, Fault: invalidParameter},
	{Cause: functions.ErrToken, Fault: invalidParameter},
}

type door struct{ room *functions.Control }

// New returns the door of a room.
func New(room *functions.Control) *awswire.Service {
	d := &door{room}
	return awswire.NewService(API, faults,
		ListDeadCalls.Handle(d.list, d.onList),
		DescribeDeadCall.Handle(d.describe, d.onDescribe),
		ReplayDeadCalls.Handle(d.replay, d.onReplay),
		DescribeFunctionUsage.Handle(d.usage, d.onUsage),
	)
}

// A page holds so many calls unless it is said how many, and never more than most.
const (
	usualPage = 100
	mostPage  = 1000
)

func (d *door) list(ctx context.Context, in *ListDeadCallsInput) (*ListDeadCallsOutput, error) {
	r, err := d.function(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	limit := min(max(1, int(awswire.Or(in.MaxResults, usualPage))), mostPage)
	dead, next, err := d.room.DeadCalls(ctx, r, awswire.Or(in.NextToken, ""), limit)
	if err != nil {
		return nil, err
	}
	out := &ListDeadCallsOutput{Calls: make([]Call, len(dead))}
	for i, c := range dead {
		out.Calls[i] = callOf(c)
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

func (d *door) describe(ctx context.Context, in *DescribeDeadCallInput) (*DescribeDeadCallOutput, error) {
	c, err := d.room.DeadCall(ctx, awswire.CallerOf(ctx).Account, in.RequestID)
	if err != nil {
		return nil, err
	}
	return &DescribeDeadCallOutput{Call: new(callOf(c)), Payload: new(string(c.Payload)), Response: new(string(c.Response))}, nil
}

func (d *door) replay(ctx context.Context, in *ReplayDeadCallsInput) (*ReplayDeadCallsOutput, error) {
	if (in.RequestID == nil) == (in.FunctionName == nil) {
		return nil, invalidParameter.New("want either a requestId or a functionName")
	}
	r, err := d.function(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	n, err := d.room.Replay(ctx, r, awswire.Or(in.RequestID, ""))
	return &ReplayDeadCallsOutput{Replayed: &n}, err
}

func (d *door) usage(ctx context.Context, in *DescribeFunctionUsageInput) (*DescribeFunctionUsageOutput, error) {
	all, err := d.room.Called(ctx, awswire.CallerOf(ctx).Account, awswire.Or(in.Since, time.Now().Add(-24*time.Hour)))
	if err != nil {
		return nil, err
	}
	out := &DescribeFunctionUsageOutput{Functions: make([]Usage, len(all))}
	for i, u := range all {
		out.Functions[i] = Usage{
			FunctionArn: &u.Function, Invocations: &u.Calls, Errors: &u.Errors, ColdStarts: &u.Colds,
			Duration: new(u.Duration.Seconds()), GigabyteTime: new(float64(u.Billed) / 1000 / 1024),
		}
	}
	return out, nil
}

// function reads the name of a function of the caller's account; the qualifier does not count.
func (d *door) function(ctx context.Context, name *string) (functions.Ref, error) {
	own := functions.Ref{Account: awswire.CallerOf(ctx).Account}
	if name == nil {
		return own, nil
	}
	r, err := d.room.ParseFunction(own.Account, *name, "")
	if err == nil && r.Account != own.Account {
		err = functions.ErrNoFunction
	}
	return r.Whole(), err
}

func callOf(c functions.DeadCall) Call {
	return Call{
		RequestID: &c.ID, FunctionArn: &c.Function, Condition: &c.Condition, Reason: &c.Reason, Invocations: new(int32(c.Runs)),
		Accepted: &c.Accepted, Ended: &c.Ended, PayloadSize: &c.Size,
	}
}

func (d *door) onList(ctx context.Context, in *ListDeadCallsInput) []awswire.Ask {
	return d.ask(ctx, "slipway:ListDeadCalls", in.FunctionName)
}

func (d *door) onDescribe(ctx context.Context, _ *DescribeDeadCallInput) []awswire.Ask {
	return d.ask(ctx, "slipway:DescribeDeadCall", nil)
}

func (d *door) onReplay(ctx context.Context, in *ReplayDeadCallsInput) []awswire.Ask {
	return d.ask(ctx, "slipway:ReplayDeadCalls", in.FunctionName)
}

func (d *door) onUsage(ctx context.Context, _ *DescribeFunctionUsageInput) []awswire.Ask {
	return d.ask(ctx, "slipway:DescribeFunctionUsage", nil)
}

// ask asks for a function, or for all of the caller's.
func (d *door) ask(ctx context.Context, action string, name *string) []awswire.Ask {
	r, err := d.function(ctx, name)
	if err != nil {
		return []awswire.Ask{{Err: err}}
	}
	if r.Name == "" {
		r.Name = "*"
	}
	return []awswire.Ask{{Action: action, Resource: d.room.ARN(r)}}
}
