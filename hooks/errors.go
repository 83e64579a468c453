package hooks

import "slipway/internal/errs"

// What can go wrong.
var (
	ErrHook     = errs.New(errs.Invalid, "invalid hook")
	ErrNoHook   = errs.New(errs.NotFound, "hook not found")
	ErrNoLetter = errs.New(errs.NotFound, "the hook has no dead letter of the event")
	ErrStopped  = errs.New(errs.Conflict, "the account of the hook was closed")
	errWaiting  = errs.New(errs.Unavailable, "too many letters to the hook were waiting")
	ErrTooMany  = errs.New(errs.Conflict, "there are as many hooks as there may be")
	ErrAddress  = errs.New(errs.Invalid, "an address of this machine, which only a hook that is made for it may call")
)
