package functions

import (
	"context"
	"fmt"
	"time"

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
// lost any more. An error of the function is told in Answer.Failed. It returns ErrNoFunction, ErrPayload,
// ErrPayloadSize, ErrNotReady, one of the errors of throttling (see Throttle) or ErrLost.
func (c *Control) Invoke(_ context.Context, i Invoke) (Answer, error) {
	if err := i.check(); err != nil {
		return Answer{}, err
	}
	return Answer{}, fmt.Errorf("%w: %s", ErrNoRunner, i.Function)
}
