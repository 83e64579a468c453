package sts

import (
	"slipway/accounts"
	"slipway/api/awswire"
)

// Faults that the model does not declare.
var (
	accessDenied    = awswire.FaultType{Shape: "AccessDenied", Status: 403}
	validationError = awswire.FaultType{Shape: "ValidationError", Status: 400}
)

// noFactor is the answer to who names a device for multi-factor authentication: there are none.
var noFactor = accessDenied.New("MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial number is valid and associated with this user.")

// faults names the room's causes, whose texts are AWS's.
var faults = awswire.Faults{
	{Cause: accounts.ErrDenied, Fault: accessDenied},
	{Cause: accounts.ErrFromSession, Fault: accessDenied},
	{Cause: accounts.ErrMalformed, Fault: MalformedPolicyDocumentException},
	{Cause: accounts.ErrPacked, Fault: PackedPolicyTooLargeException},
	{Cause: accounts.ErrDuration, Fault: validationError},
	{Cause: accounts.ErrInput, Fault: validationError},
	{Cause: accounts.ErrQuota, Fault: validationError},
	{Cause: accounts.ErrRoleARN, Fault: validationError},
	{Cause: accounts.ErrUnknownKey, Fault: validationError},
}
