package accounts

import "slipway/internal/errs"

// What managed policies can fail with beyond what entities do.
var (
	ErrOfAWS         = errs.New(errs.Denied, "the policy belongs to AWS")
	ErrNotAttachable = errs.New(errs.Invalid, "policy not attachable")
)
