package audit

import "slipway/internal/errs"

// What this room can fail with.
var (
	ErrUnrecorded = errs.New(errs.Unavailable, "calls cannot be recorded")
	ErrEntry      = errs.New(errs.Invalid, "not a record of a call")
	ErrToken      = errs.New(errs.Invalid, "not a token of this lookup")
	ErrBroken     = errs.New(errs.Conflict, "the chain of records is broken")
)
