package fleet

import (
	"fmt"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// What a call may fail with before it has begun, beside the errors of hosts.
var (
	ErrThrottled = errs.New(errs.Throttled, "the concurrency that is reserved for the function is used up")
	ErrAccount   = errs.New(errs.Throttled, "the account's unreserved concurrency is used up")
	ErrBusy      = errs.New(errs.Throttled, "too many calls of the function are waiting for a sandbox")
	// ErrNoRoom comes from a Room that has none, and from a call that has waited for some in vain.
	ErrNoRoom    = errs.New(errs.Throttled, "no machine has room for another sandbox")
	ErrNoMachine = errs.New(errs.Unavailable, "no machine of the account is connected")
	ErrStopping  = errs.New(errs.Unavailable, "the fleet is stopping")
	ErrYielded   = errs.New(errs.Unavailable, "another fleet has the account")
	ErrRetired   = errs.New(errs.NotFound, "the release is retired")
)

// ErrUnfit is a release that does not start; a Failure says why.
var ErrUnfit = errs.New(errs.Invalid, "the release does not start")

// ErrStaleness is text that is no staleness policy.
var ErrStaleness = errs.New(errs.Invalid, "no such staleness policy")

// ErrReplaced ends a Join whose machine has come again by another line.
var ErrReplaced = errs.New(errs.Conflict, "the machine has come by a newer line")

// Failure is why a release does not start. It is ErrUnfit, and Err where there is one.
type Failure struct {
	Init nodeapi.Init // with Error, where the init phase failed
	// Sandbox and Node are where it did.
	Sandbox, Node string
	Err           error // what failed before: its image, its code, its role
}

func (f *Failure) Error() string {
	if f.Init.Error != nil {
		return fmt.Sprintf("%v: %s: %s", ErrUnfit, f.Init.Error.Type, f.Init.Error.Message)
	}
	return fmt.Sprintf("%v: %v", ErrUnfit, f.Err)
}

// Unwrap returns ErrUnfit and Err.
func (f *Failure) Unwrap() []error {
	if f.Err == nil {
		return []error{ErrUnfit}
	}
	return []error{ErrUnfit, f.Err}
}
