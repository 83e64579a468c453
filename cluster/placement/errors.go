package placement

import "slipway/internal/errs"

// The causes of failure. What wraps them says where and why.
var (
	ErrConstraint = errs.New(errs.Invalid, "Invalid placement constraint")
	ErrStrategy   = errs.New(errs.Invalid, "Invalid placement strategy")
	ErrRequest    = errs.New(errs.Invalid, "Invalid placement request")
)
