package accounts

import (
	"fmt"

	"slipway/internal/errs"
)

// What this room can fail with.
var (
	ErrAccountID    = errs.New(errs.Invalid, "an account id is twelve digits")
	ErrOtherAccount = errs.New(errs.Conflict, "the data belongs to another account")
	ErrNoAccount    = errs.New(errs.NotFound, "account not found")
	ErrUnknownKey   = errs.New(errs.NotFound, "access key not known")
	ErrDenied       = errs.New(errs.Denied, "not authorized")
)

// DenialError is ErrDenied with who was denied what. Its text is AWS's sentence.
type DenialError struct {
	Who      Principal
	Action   string // "ecs:RunTask"
	Resource string // ARN, or "*"
}

func (e *DenialError) Error() string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		e.Who.ARN, e.Action, e.Resource, e.Action)
}

func (e *DenialError) Unwrap() error { return ErrDenied }
