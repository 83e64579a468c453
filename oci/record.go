package oci

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"slipway/internal/condition"
)

// Call is one request as the audit sees it.
type Call struct {
	Action   string // "ecr:PutImage"; "" if the request came to none
	Method   string
	Path     string
	Status   int
	Time     time.Time // when it came
	Duration time.Duration

	Who           Caller
	RequestID     string
	Asked         []Asked // what the caller had to be allowed, up to the first denial
	SourceAddress string  // "192.0.2.7", without a port
	UserAgent     string  // as the client says it, whatever that may be
	ErrorCode     string  // "DENIED"; "": the call was done
	ErrorMessage  string
}

// Asked is one action on one resource that a call needed.
type Asked struct{ Action, Resource string }

// record writes down how a call ends.
func (d *door) record(c *call, status int) error {
	if c.who.Account == "" {
		return nil
	}
	call := &Call{
		Action: c.action, Method: c.r.Method, Path: c.r.URL.Path, Status: status, Time: c.start, Duration: time.Since(c.start),
		Who: c.who, RequestID: c.id, Asked: c.asked, SourceAddress: condition.SourceAddress(c.r), UserAgent: c.r.UserAgent(),
	}
	if c.problem != nil {
		call.ErrorCode, call.ErrorMessage = c.problem.Code, c.problem.Message
	}
	return d.config.Record(c.r.Context(), call)
}

// recorder calls record before an answer begins, and lets none out that could not be written down.
type recorder struct {
	http.ResponseWriter
	record func(status int) error
	begun  bool
	failed bool
}

func (w *recorder) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	if err := w.record(status); err != nil {
		slog.Error("registry call not written down", "error", err)
		w.refuse()
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

const notRecorded = `{"errors":[{"code":"UNKNOWN","message":"The registry failed; its log has the reason."}]}`

func (w *recorder) refuse() {
	w.failed = true
	id := w.Header().Get("X-Amzn-Requestid")
	maps.DeleteFunc(w.Header(), func(string, []string) bool { return true })
	w.Header().Set("X-Amzn-Requestid", id)
	w.Header().Set("Content-Type", "application/json")
	w.ResponseWriter.WriteHeader(http.StatusInternalServerError)
	io.WriteString(w.ResponseWriter, notRecorded) // a client that went away is nobody's failure
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.failed {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets the connection take bytes from where they are.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	w.WriteHeader(http.StatusOK)
	if w.failed {
		return io.Copy(io.Discard, src)
	}
	return io.Copy(w.ResponseWriter, src)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
