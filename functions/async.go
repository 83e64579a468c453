package functions

import (
	"context"
	"errors"

	"slipway/internal/errs"
)

// makeCall makes a call once that was accepted to be made later.
func (c *Control) makeCall(ctx context.Context, k *call) result {
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
		return result{kind: failed, version: a.Version, payload: a.Payload, reason: a.Error.Type + ": " + a.Error.Message}
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
