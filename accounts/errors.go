package accounts

import (
	"fmt"

	"slipway/internal/errs"
)

// What this room can fail with.
var (
	ErrAccountID      = errs.New(errs.Invalid, "an account id is twelve digits")
	ErrOtherAccount   = errs.New(errs.Conflict, "the data belongs to another account")
	ErrNoAccount      = errs.New(errs.NotFound, "account not found")
	ErrNoRequest      = errs.New(errs.NotFound, "request for an account not found")
	ErrNoOrganization = errs.New(errs.Invalid, "no account has been made yet")
	ErrAccountClosed  = errs.New(errs.Conflict, "the account is closed already")
	ErrManagement     = errs.New(errs.Invalid, "the management account cannot be closed")
	ErrUnknownKey     = errs.New(errs.NotFound, "access key not known")
	ErrBadToken       = errs.New(errs.Denied, "session token does not belong to the access key")
	ErrExpired        = errs.New(errs.Denied, "session has expired")
	ErrDenied         = errs.New(errs.Denied, "not authorized")
	ErrDuration       = errs.New(errs.Invalid, "not a duration for this session")
	ErrFromSession    = errs.New(errs.Denied, "Cannot call GetSessionToken with session credentials")
	ErrRoleARN        = errs.New(errs.Invalid, "not the ARN of a role")
	ErrPacked         = errs.New(errs.Invalid, "policies and tags of a session are too large")
	ErrNotTrusted     = errs.New(errs.Denied, "the role can not be assumed")

	ErrName         = errs.New(errs.Invalid, "not a name or path")
	ErrNoEntity     = errs.New(errs.NotFound, "no such entity")
	ErrEntityExists = errs.New(errs.Conflict, "entity exists already")
	ErrQuota        = errs.New(errs.Conflict, "quota exceeded")
	ErrInUse        = errs.New(errs.Conflict, "entity is in use")
	ErrUnmodifiable = errs.New(errs.Conflict, "entity is only modifiable by AWS")
	ErrMalformed    = errs.New(errs.Invalid, "malformed policy document")
	ErrInput        = errs.New(errs.Invalid, "invalid input")
	ErrToken        = errs.New(errs.Invalid, "not a marker of this listing")
)

// DenialError is ErrDenied with who was denied what. Its text is AWS's sentence. Source: IAM User
// Guide, "Troubleshoot access denied error messages".
type DenialError struct {
	Who      Principal
	Action   string // "ecs:RunTask"
	Resource string // ARN, or "*"
	Because  string // "because no identity-based policy allows the ecs:RunTask action"; "": not said
}

func (e *DenialError) Error() string {
	sentence := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", e.Who.ARN, e.Action, e.Resource)
	if e.Because != "" {
		sentence += " " + e.Because
	}
	return sentence
}

func (e *DenialError) Unwrap() error { return ErrDenied }
