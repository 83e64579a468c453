package seal

import "slipway/internal/errs"

// What sealing can fail with.
var (
	ErrMasterKey = errs.New(errs.Invalid, "not the master key")
	ErrSource    = errs.New(errs.Invalid, "the master key cannot be had")
	ErrDamaged   = errs.New(errs.Internal, "a sealed secret is damaged")
	ErrNoKey     = errs.New(errs.Internal, "a secret is sealed under a key that is not there")
	ErrColumn    = errs.New(errs.Internal, "not the name of a table or column")

	ErrRotating = errs.New(errs.Conflict, "another rotation is under way")
	ErrBehind   = errs.New(errs.Conflict, "this server still needs the old master key")
	ErrOthers   = errs.New(errs.Conflict, "other servers still need the old master key")
	ErrSame     = errs.New(errs.Invalid, "that is the master key already")
	ErrNoNew    = errs.New(errs.Invalid, "a new master key must be given")
	ErrNoneOpen = errs.New(errs.Conflict, "there is no rotation to finish")
)
