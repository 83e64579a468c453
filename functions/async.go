package functions

import (
	"context"
	"errors"
	"strings"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// makeCall makes a call once that was accepted to be made later.
func (c *Control) makeCall(ctx context.Context, k *call) result {
	if bucket := bucketOf(k.Function); bucket != "" {
		return c.deliver(ctx, bucket, k)
	}
	t, err := c.Resolve(ctx, k.Account, k.Function, k.Qualifier)
	switch {
	case err != nil && errs.KindOf(err) == errs.NotFound:
		return result{kind: gone, reason: reasonOf(err)}
	case err != nil:
		return result{kind: refused, reason: reasonOf(err)}
	case t.Limit.Reserved && t.Limit.Function == 0:
		return result{kind: disabled, reason: "the concurrency that is reserved for the function is 0"}
	}
	a, err := c.callNow(ctx, t, &Invoke{
		Account: k.Account, Function: k.Function, Qualifier: k.Qualifier, Request: k.ID, Payload: k.Payload, ClientContext: k.Context, TraceID: k.Trace,
	})
	switch {
	case err != nil:
		return result{kind: refused, reason: reasonOf(err)}
	case a.Error != nil:
		return result{kind: failed, version: a.Version, payload: a.Payload, reason: reasonOfFailure(a.Error)}
	}
	return result{kind: answered, version: a.Version, payload: a.Payload}
}

// reasonOf is why a call was not made, for its owner: nothing internal is in it.
func reasonOf(err error) string {
	if throttle, is := errors.AsType[*Throttle](err); is {
		return throttle.Error() + " " + throttle.Reason
	}
	if cause := errs.Declared(err); cause != nil {
		return cause.Error()
	}
	return "internal error"
}

// reasonOfFailure is how a function says that it failed.
func reasonOfFailure(e *nodeapi.FunctionError) string {
	text := e.Type + ": " + e.Message
	return storable(text[:min(len(text), maxReason)])
}

// maxReason is how much is kept of what a function says of its failure, in bytes.
const maxReason = 1024

// storable is text from outside as a database takes it: without what is no text.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
