package secrets

import "slipway/internal/errs"

// No value of a parameter or secret may be in the text of an error.

// What can go wrong with parameters.
var (
	ErrNoParameter       = errs.New(errs.NotFound, "parameter not found")
	ErrNoVersion         = errs.New(errs.NotFound, "version of a parameter not found")
	ErrParameterExists   = errs.New(errs.Conflict, "parameter exists already")
	ErrParameter         = errs.New(errs.Invalid, "not a parameter")
	ErrReserved          = errs.New(errs.Denied, "the name of the parameter is reserved")
	ErrLevels            = errs.New(errs.Invalid, "the name of the parameter has too many levels")
	ErrPattern           = errs.New(errs.Invalid, "not a pattern of values")
	ErrMismatch          = errs.New(errs.Invalid, "the value does not match the pattern")
	ErrTooManyParameters = errs.New(errs.Conflict, "too many parameters")
	ErrLabelled          = errs.New(errs.Conflict, "the oldest version has a label")
	ErrTooManyLabels     = errs.New(errs.Conflict, "too many labels")
	ErrTooManyTags       = errs.New(errs.Conflict, "too many tags")
	ErrFilterKey         = errs.New(errs.Invalid, "not the key of a filter")
	ErrFilterOption      = errs.New(errs.Invalid, "not the option of a filter")
	ErrFilterValue       = errs.New(errs.Invalid, "not the value of a filter")
)

// What can go wrong with secrets.
var (
	ErrNoSecret       = errs.New(errs.NotFound, "secret not found")
	ErrSecretExists   = errs.New(errs.Conflict, "secret exists already")
	ErrName           = errs.New(errs.Invalid, "not the name of a secret")
	ErrInput          = errs.New(errs.Invalid, "invalid input")
	ErrState          = errs.New(errs.Conflict, "not in this state of the secret")
	ErrTooManySecrets = errs.New(errs.Conflict, "too many secrets or versions")
	ErrPolicy         = errs.New(errs.Invalid, "not a policy")
	ErrPublicPolicy   = errs.New(errs.Invalid, "a policy that lets everybody in")
)

// ErrUnresolved says that the value of a reference cannot be had. Source: Amazon ECS Developer Guide,
// "Troubleshooting Amazon ECS ResourceInitializationError errors".
var ErrUnresolved = errs.New(errs.NotFound, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed")
