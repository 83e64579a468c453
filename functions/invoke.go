package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/functions/fleet"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// InvocationType is how a function is called.
type InvocationType string

// The ways to call a function. Source: Lambda API, Invoke.
const (
	RequestResponse InvocationType = "RequestResponse" // the caller waits for the answer
	EventCall       InvocationType = "Event"           // the call is written down and made later
	DryRun          InvocationType = "DryRun"          // nothing is called: could it be?
)

// Limits of payloads, in bytes. Source: "Lambda quotas", function configuration, deployment, and execution.
const (
	MaxPayload      = 6 << 20  // of a call whose caller waits, and of its answer
	MaxEventPayload = 1 << 20  // of a call that is made later
	MaxStream       = 20 << 20 // of an answer that goes to its caller as it comes
)

// Unhandled is the only value of X-Amz-Function-Error, as with all runtimes of today.
const Unhandled = "Unhandled"

// Invoke is a call of a function.
type Invoke struct {
	Account       string               // of the caller, whose function a bare name is
	Function      string               // name, partial ARN or ARN, with or without a qualifier
	Qualifier     string               // version or alias; "": the one in Function, or $LATEST
	Type          InvocationType       // "": RequestResponse
	Payload       []byte               // JSON; empty: {}. It is neither changed nor kept
	Request       string               // id of the call, a UUID; "": a new one
	ClientContext string               // base64 of JSON
	TraceID       string               // of X-Ray
	Tail          bool                 // the answer is to have the end of the log
	Stream        nodeapi.AnswerWriter // takes the answer as it comes; nil: it is Answer.Payload

	// Began is told what runs, version and release, before anything of a streamed answer. nil: nobody asks.
	Began func(version, release string)

	kept bool // it goes on when its caller has gone
}

// Answer is what came of a call.
type Answer struct {
	Request     string // id of the call
	Payload     []byte // what the function answered, or the document of its error; empty if it was streamed
	ContentType string // of Payload
	Failed      string // X-Amz-Function-Error: "" or Unhandled
	Error       *nodeapi.FunctionError
	Version     string // that was executed: "$LATEST" or a number
	Release     string // code and configuration that were executed
	Tail        []byte // the last 4 KiB of the log, if they were asked for
	Duration    time.Duration
}

// Invoke makes a call, or writes it down to be made later (EventCall): it returns then when the call cannot be
// lost any more. An error of the function is told in Answer.Failed. It returns ErrPayload, ErrPayloadSize,
// ErrNoFunction, ErrNoAlias, ErrNotReady, a *Throttle (ErrThrottled), ErrUnfit, ErrNoRunner, ErrLost, and the error
// of ctx, with which a call is given up that has not begun or whose answer is streamed.
func (c *Control) Invoke(ctx context.Context, i Invoke) (Answer, error) {
	if err := i.check(); err != nil {
		return Answer{}, err
	}
	t, err := c.Resolve(ctx, i.Account, i.Function, i.Qualifier)
	if err != nil {
		return Answer{}, err
	}
	if i.Request == "" {
		i.Request = ids.UUID()
	}
	switch i.Type {
	case DryRun:
		return Answer{Request: i.Request, Version: t.Version}, nil
	case EventCall:
		return Answer{Request: i.Request, Version: t.Version}, c.calls.accept(ctx, t.later(&i))
	}
	i.kept = i.Stream == nil // functions are not cut off in the middle of what they do, as on AWS
	return c.callNow(ctx, t, &i)
}

// callFleet makes a call in this server's fleet and waits for its answer. A release that retires while the call waits for a sandbox has made
// room for another, or its function is gone.
func (c *Control) callFleet(ctx context.Context, t *Target, i *Invoke) (Answer, error) {
	r, err := c.config.Fleet.Invoke(ctx, t.call(i), i.Stream)
	if errors.Is(err, fleet.ErrRetired) {
		if t, err = c.Resolve(ctx, i.Account, i.Function, i.Qualifier); err != nil {
			return Answer{}, err
		}
		r, err = c.config.Fleet.Invoke(ctx, t.call(i), i.Stream)
	}
	if err != nil {
		return Answer{}, notCalled(ctx, err)
	}
	return answerOf(t, i, r), nil
}

// call is a call of what the target runs.
func (t *Target) call(i *Invoke) fleet.Call {
	most := int64(MaxPayload)
	if i.Stream != nil {
		most = MaxStream
	}
	var began func(*fleet.Release)
	if i.Began != nil {
		began = func(r *fleet.Release) { i.Began(r.Version, r.ID) }
	}
	return fleet.Call{
		Began: began, Release: t.Release, Line: t.Line, Since: t.Since, Moves: t.Moves, Stale: t.Stale, Limit: t.Limit, Kept: i.kept,
		Invocation: nodeapi.Invocation{
			Request: i.Request, ARN: t.ARN, Payload: i.Payload, Timeout: t.Release.Timeout, ClientContext: i.ClientContext,
			TraceID: i.TraceID, Tail: i.Tail, MaxAnswer: most,
		},
	}
}

// later is the call as it is written down.
func (t *Target) later(i *Invoke) *call {
	qualifier := strings.TrimPrefix(strings.TrimPrefix(t.ARN, t.Function), ":")
	return &call{
		ID: i.Request, Account: t.Account, Function: t.Function, Qualifier: qualifier, Payload: slices.Clone(i.Payload),
		Context: storable(i.ClientContext), Trace: storable(i.TraceID),
	}
}

func answerOf(t *Target, i *Invoke, r fleet.Result) Answer {
	a := Answer{
		Request: i.Request, Payload: r.Payload, ContentType: r.ContentType, Error: r.Error, Version: t.Version, Release: t.Release.ID,
		Tail: r.Tail, Duration: r.Duration,
	}
	if r.Release != nil {
		a.Version, a.Release = r.Release.Version, r.Release.ID
	}
	if r.Error != nil {
		a.Failed, a.Payload = Unhandled, documentOf(r.Error)
	}
	return a
}

// documentOf is what a caller is given of a function that failed.
func documentOf(e *nodeapi.FunctionError) []byte {
	if len(e.Payload) > 0 {
		return e.Payload
	}
	text, _ := json.Marshal(map[string]string{"errorType": e.Type, "errorMessage": e.Message}) // strings always can be
	return text
}

// notCalled is why a call was not made, or not to its end, in the words of the room.
func notCalled(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fleet.ErrThrottled):
		return &Throttle{Reason: ReasonReserved, RetryAfter: 1}
	case errors.Is(err, fleet.ErrAccount), errors.Is(err, fleet.ErrNoRoom):
		return &Throttle{Reason: ReasonConcurrency, RetryAfter: 1}
	case errors.Is(err, fleet.ErrBusy):
		return &Throttle{Reason: ReasonQueue, RetryAfter: 1}
	case errors.Is(err, fleet.ErrYielded):
		return ErrMoved
	case errors.Is(err, fleet.ErrNoMachine), errors.Is(err, fleet.ErrStopping), errors.Is(err, fleet.ErrRetired):
		return fmt.Errorf("%w: %w", ErrNoRunner, err)
	case errors.Is(err, fleet.ErrUnfit):
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
