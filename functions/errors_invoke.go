package functions

import "slipway/internal/errs"

// What can go wrong with calls. The sentences are those of AWS Lambda where it has one.
var (
	ErrPayload     = errs.New(errs.Invalid, "Could not parse request body into json")
	ErrPayloadSize = errs.New(errs.Invalid, "the payload is too large")
	ErrNotReady    = errs.New(errs.Conflict, "The operation cannot be performed at this time. The function is currently in the following state")
	ErrThrottled   = errs.New(errs.Throttled, "Rate Exceeded.") // always a *Throttle
	ErrLost        = errs.New(errs.Unavailable, "the machine that ran the function was lost while it ran")
	ErrUnfit       = errs.New(errs.Unavailable, "the function cannot be started") // its image, code or role is not to be had
	ErrNoRunner    = errs.New(errs.Unavailable, "no machine that runs functions can be reached")
)

// The reasons for which a call is not made now. Source: Lambda API, ThrottleReason.
const (
	ReasonConcurrency = "ConcurrentInvocationLimitExceeded"                 // of the account, or its machines have no room
	ReasonReserved    = "ReservedFunctionConcurrentInvocationLimitExceeded" // of the function
	ReasonQueue       = "FunctionInvocationRateLimitExceeded"               // too many calls of it wait to be made
)

// Throttle is a call that is not made now. It is an ErrThrottled.
type Throttle struct {
	Reason     string
	RetryAfter int // seconds
}

func (t *Throttle) Error() string { return ErrThrottled.Error() }

// Unwrap is ErrThrottled.
func (t *Throttle) Unwrap() error { return ErrThrottled }
