package sandbox

import "slipway/internal/errs"

// What a host can fail with, beside nodeapi.ErrNoSandbox and what the engine says.
var (
	// ErrCode is code that does not come, or comes otherwise than its digest says.
	ErrCode = errs.New(errs.Unavailable, "code cannot be had")
	// ErrBadCode is code that is what it is to be, and cannot be unpacked.
	ErrBadCode = errs.New(errs.Invalid, "code cannot be unpacked")
	// ErrID is an id of a sandbox that is none.
	ErrID = errs.New(errs.Invalid, `a sandbox's id is "sb-" and 32 hexadecimal digits`)
	// ErrAssigned is a sandbox that has been assigned already.
	ErrAssigned = errs.New(errs.Conflict, "the sandbox has been assigned")
	// ErrEngine is an engine that cannot hold containers.
	ErrEngine = errs.New(errs.Unavailable, "this machine's engine runs no sandboxes")
)
