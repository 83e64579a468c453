package runtimeapi

import "slipway/internal/errs"

// Why a session does not make a call, or has not seen its end.
var (
	// ErrOver is a session that takes no more calls: the call has not begun.
	ErrOver = errs.New(errs.NotFound, "the sandbox takes no more calls")
	// ErrCut is a session that was ended during the call.
	ErrCut = errs.New(errs.Unavailable, "the sandbox was ended during the call")
)
