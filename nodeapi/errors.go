package nodeapi

import (
	"log/slog"
	"net/http"

	"slipway/internal/errs"
)

// ErrLocation is the name of an image that looks like a URL, and is not one that can be read.
var ErrLocation = errs.New(errs.Invalid, "not the location of an image's archive")

// wireError is how an error travels: the kind decides, the message is for people.
type wireError struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Cause   string `json:"cause,omitempty"` // of those that callers tell from others: noSandbox
}

// noSandbox is ErrNoSandbox on the wire.
const noSandbox = "no-sandbox"

var statusOf = map[errs.Kind]int{
	errs.Internal:    http.StatusInternalServerError,
	errs.Invalid:     http.StatusBadRequest,
	errs.NotFound:    http.StatusNotFound,
	errs.Conflict:    http.StatusConflict,
	errs.Denied:      http.StatusForbidden,
	errs.Throttled:   http.StatusTooManyRequests,
	errs.Unsupported: http.StatusNotImplemented,
	errs.Unavailable: http.StatusServiceUnavailable,
}

// toWire keeps the text of an internal error to the log of this side.
func toWire(r *http.Request, err error) *wireError {
	kind := errs.KindOf(err)
	if kind == errs.Internal {
		slog.Error("node request failed", "path", r.URL.Path, "error", err)
		return &wireError{Kind: kind.String(), Message: "internal error of the control plane, told in its log"}
	}
	return &wireError{Kind: kind.String(), Message: err.Error()}
}

// remoteError is an error of the other side, of the same kind here as there.
type remoteError struct {
	cause   error
	message string
}

func (e *remoteError) Error() string { return e.message }
func (e *remoteError) Unwrap() error { return e.cause }

func (e *wireError) asError() error {
	cause, known := causes[e.Kind]
	if !known {
		cause = causes[errs.Internal.String()]
	}
	if e.Cause == noSandbox {
		cause = ErrNoSandbox
	}
	return &remoteError{cause, e.Message}
}

// causes holds one declared cause per kind, by the name it has on the wire.
var causes = func() map[string]error {
	m := map[string]error{}
	for kind := range statusOf {
		m[kind.String()] = errs.New(kind, kind.String())
	}
	return m
}()

var (
	errUnreachable = errs.New(errs.Unavailable, "control plane not reachable")
	errOlder       = errs.New(errs.Unsupported, "the control plane is of a version that does not know this")
	errDeadLine    = errs.New(errs.Unavailable, "control plane is silent")
)
