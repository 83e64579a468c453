package functions

import "slipway/internal/errs"

// What can go wrong with layers, and with what is set beside a function. The sentences are those of AWS Lambda.
var (
	ErrNoLayer       = errs.New(errs.NotFound, "The resource you requested does not exist.")
	ErrNoSetting     = errs.New(errs.NotFound, "The resource you requested does not exist.")
	ErrNoProvisioned = errs.New(errs.NotFound, "No Provisioned Concurrency Config found for this function")
	ErrPolicyLength  = errs.New(errs.Invalid, "The final policy size is bigger than the limit")
)
