package functions

import "slipway/internal/errs"

// No value of an environment variable may be in the text of an error.

// What can go wrong with functions, their versions and aliases. The sentences are those of AWS Lambda.
var (
	ErrNoFunction   = errs.New(errs.NotFound, "Function not found")
	ErrNoAlias      = errs.New(errs.NotFound, "Cannot find alias arn")
	ErrThere        = errs.New(errs.Conflict, "it exists already")
	ErrBusy         = errs.New(errs.Conflict, "The operation cannot be performed at this time.")
	ErrInput        = errs.New(errs.Invalid, "invalid parameter")
	ErrForm         = errs.New(errs.Invalid, "not of the form that is wanted")
	ErrPrecondition = errs.New(errs.Conflict, "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	ErrRole         = errs.New(errs.Invalid, "The role defined for the function cannot be assumed by Lambda.")
	ErrRuntime      = errs.New(errs.Invalid, "the runtime is not there")
	ErrImage        = errs.New(errs.Invalid, "Source image is not valid")
	ErrStorage      = errs.New(errs.Conflict, "Code storage limit exceeded.")
	ErrTooLarge     = errs.New(errs.Invalid, "too large")
	ErrNoCode       = errs.New(errs.NotFound, "code not found")
)
