package awswire

import (
	"errors"
	"log/slog"
	"time"

	"slipway/internal/errs"
	"slipway/internal/sigv4"
)

// The faults that every service has, by what they are called on JSON wires and, where it differs,
// on the Query wire. Source: "Common Errors" of the API references, and recorded answers.
var (
	missingToken      = FaultType{Shape: "MissingAuthenticationTokenException", Code: "MissingAuthenticationToken", Status: 403}
	incompleteSigning = FaultType{Shape: "IncompleteSignatureException", Code: "IncompleteSignature", Status: 400}
	invalidSignature  = FaultType{Shape: "InvalidSignatureException", Code: "SignatureDoesNotMatch", Status: 403, rpcStatus: 400}
	requestExpired    = FaultType{Shape: "InvalidSignatureException", Code: "RequestExpired", Status: 400}
	unknownKey        = FaultType{Shape: "UnrecognizedClientException", Code: "InvalidClientTokenId", Status: 403, rpcStatus: 400}
	expiredToken      = FaultType{Shape: "ExpiredTokenException", Code: "ExpiredToken", Status: 403, rpcStatus: 400}
	denied            = FaultType{Shape: "AccessDeniedException", Code: "AccessDenied", Status: 403, rpcStatus: 400}

	unknownOperation = FaultType{Shape: "UnknownOperationException", Code: "InvalidAction", Status: 400}
	noRoute          = FaultType{Shape: "UnknownOperationException", Status: 404}
	missingAction    = FaultType{Shape: "UnknownOperationException", Code: "MissingAction", Status: 400}
	notSupported     = FaultType{Shape: "UnsupportedOperationException", Code: "UnsupportedOperation", Status: 501}
	unserializable   = FaultType{Shape: "SerializationException", Code: "MalformedInput", Status: 400}
	tooLarge         = FaultType{Shape: "RequestEntityTooLargeException", Code: "RequestEntityTooLarge", Status: 413}
	incomplete       = FaultType{Shape: "IncompleteBodyException", Code: "IncompleteBody", Status: 400}
)

// throttled asks a caller to slow down. Source: "Rate exceeded" is what AWS answers; ThrottlingException
// is Throttling on the Query wire.
func (a *API) throttled(wait time.Duration) *Fault {
	t := FaultType{Shape: "ThrottlingException", Code: "Throttling", Status: 400}
	if a.Throttled != "" {
		t = FaultType{Shape: a.Throttled, Status: 429, rpcStatus: 400}
	}
	f := t.New("Rate exceeded")
	f.wait = wait
	return f
}

var signatureFaults = map[sigv4.Cause]FaultType{
	sigv4.Missing:     missingToken,
	sigv4.Incomplete:  incompleteSigning,
	sigv4.Unsupported: incompleteSigning,
	sigv4.Scope:       invalidSignature,
	sigv4.Expired:     requestExpired,
	sigv4.NotYet:      requestExpired,
	sigv4.Mismatch:    invalidSignature,
}

// keyFaults never tell a wrong token from an unknown key.
var keyFaults = Faults{
	{Cause: ErrUnknownKey, Fault: unknownKey, Text: "The security token included in the request is invalid."},
	{Cause: ErrBadToken, Fault: unknownKey, Text: "The security token included in the request is invalid."},
	{Cause: ErrExpiredToken, Fault: expiredToken, Text: "The security token included in the request is expired"},
}

// faultOf names an error for the client. What nobody named is ours: it goes to the log in full, and
// the client learns the id under which it stands there.
func (x *exchange) faultOf(err error) *Fault {
	if s, ok := errors.AsType[*sigv4.Error](err); ok {
		return signatureFaults[s.Cause].New(s.Text)
	}
	if u, ok := errors.AsType[*unreadable](err); ok {
		return unserializable.New(u.Error())
	}
	if f := keyFaults.find(err); f != nil {
		return f
	}
	if x.service == nil {
		return x.serverFault("InternalFailure", err)
	}
	if f := x.service.faults.find(err); f != nil {
		return f
	}
	return x.serverFault(x.service.api.ServerFault, err)
}

func (x *exchange) serverFault(shape string, err error) *Fault {
	level := slog.LevelError
	if x.r.Context().Err() != nil { // the client went away, and took the request with it
		level = slog.LevelInfo
	}
	x.mux.config.Log.Log(x.r.Context(), level, "request failed", "request", x.id, "service", x.service.name(), "operation", x.operation, "error", err)
	fault := FaultType{Shape: shape, Status: 500}
	if errs.KindOf(err) == errs.Unavailable {
		return fault.Newf("The request cannot be done now: %s. The log of Slipway has more under request id %s.", errs.Declared(err), x.id)
	}
	return fault.Newf("The request could not be done because of a failure inside Slipway. Its log has the reason under request id %s.", x.id)
}
