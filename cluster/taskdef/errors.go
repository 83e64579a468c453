package taskdef

import "slipway/internal/errs"

// What definitions can fail with.
var (
	ErrInvalid  = errs.New(errs.Invalid, "invalid task definition")
	ErrNotFound = errs.New(errs.NotFound, "task definition not found")
	ErrRequest  = errs.New(errs.Invalid, "the task definition cannot be used so")
	ErrEnvFile  = errs.New(errs.Invalid, "no file of environment variables")
)
