package runtimeapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"slipway/nodeapi"
)

// Paths of the APIs.
const (
	runtimePath   = "/2018-06-01"
	extensionPath = "/2020-01-01/extension"
	logsPath      = "/2020-08-15/logs"
	telemetryPath = "/2022-07-01/telemetry"
	callPath      = runtimePath + "/runtime/invocation/"
)

// route answers one request. The two of every call are looked for first.
func (s *Session) route(c *conn, r *request) reply {
	if rest, ok := bytes.CutPrefix(r.path, []byte(callPath)); ok {
		if string(rest) == "next" {
			return s.method(r, "GET", func() reply { return s.next(c) })
		}
		if id, ok := bytes.CutSuffix(rest, []byte("/response")); ok {
			return s.method(r, "POST", func() reply { return s.response(c, r, id) })
		}
		if id, ok := bytes.CutSuffix(rest, []byte("/error")); ok {
			return s.method(r, "POST", func() reply { return s.callFailed(c, r, id) })
		}
		return unknown
	}
	c.proceed()
	switch string(r.path) {
	case runtimePath + "/runtime/init/error":
		return s.method(r, "POST", func() reply { return s.initFailed(r) })
	case runtimePath + "/ping":
		return s.method(r, "GET", func() reply { return reply{status: http.StatusOK, body: []byte("pong")} })
	case extensionPath + "/register":
		return s.method(r, "POST", func() reply { return s.register(r) })
	case extensionPath + "/event/next":
		return s.method(r, "GET", func() reply { return s.nextEvent(c, r) })
	case extensionPath + "/init/error":
		return s.method(r, "POST", func() reply { return s.extensionFailed(r, "Extension.InitError") })
	case extensionPath + "/exit/error":
		return s.method(r, "POST", func() reply { return s.extensionFailed(r, "Extension.ExitError") })
	case logsPath: // as AWS's own emulator answers: extensions go on without
		return fault(http.StatusAccepted, "Logs.NotSupported", "Logs API is not supported")
	case telemetryPath:
		return s.method(r, "PUT", func() reply { return s.subscribe(r) })
	}
	return unknown
}

func (s *Session) method(r *request, wanted string, serve func() reply) reply {
	if string(r.method) != wanted {
		return notAllow
	}
	return serve()
}

// next serves GET /2018-06-01/runtime/invocation/next: the connection waits for a call. Whoever asks again, while its
// call is not answered, is given that again.
func (s *Session) next(c *conn) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failed != nil && !s.asked:
		return wrongState("InitError", "Ready")
	case s.cfg.Concurrency == 1 && len(s.calls) > 0 && !s.calls[0].answering:
		return reply{status: http.StatusOK, call: s.calls[0]}
	case s.cfg.Concurrency == 1 && len(s.calls) > 0:
		return wrongState("InvocationResponse", "Ready")
	}
	s.asked, s.settling = true, ""
	c.parked, c.extension = true, nil
	s.pollers = append(s.pollers, c)
	s.changed()
	return parked
}

// claim finds the call that is answered, for one connection alone, which may send its answer then.
func (s *Session) claim(c *conn, id []byte, as string) (*call, *reply) {
	k, refused := s.unanswered(id, as)
	if refused == nil {
		c.proceed()
	}
	return k, refused
}

func (s *Session) unanswered(id []byte, as string) (*call, *reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.calls {
		if k.Request != string(id) {
			continue
		}
		if k.answering {
			r := wrongState("InvocationResponse", as)
			return nil, &r
		}
		k.answering = true
		return k, nil
	}
	if s.settling != "" && s.settling == string(id) {
		r := wrongState("RuntimeResponseSentState", as)
		return nil, &r
	}
	return nil, &invalidID
}

// answered takes a call out of the books that has its outcome.
func (s *Session) answered(k *call, o nodeapi.Outcome) {
	s.mu.Lock()
	if s.drop(k) {
		s.settling = k.Request
	}
	s.mu.Unlock()
	k.finish(o)
}

// unclaimed gives a call back whose answer broke off.
func (s *Session) unclaimed(k *call) reply {
	s.mu.Lock()
	k.answering = false
	s.mu.Unlock()
	return broken
}

// response serves POST /2018-06-01/runtime/invocation/{id}/response.
func (s *Session) response(c *conn, r *request, id []byte) reply {
	k, refused := s.claim(c, id, "InvocationResponse")
	switch {
	case refused != nil:
		return *refused
	case k.w != nil:
		return s.stream(k, r)
	}
	body, refused := s.whole(k, r)
	if refused != nil {
		return *refused
	}
	s.answered(k, nodeapi.Outcome{Payload: body, ContentType: r.contentType, Error: r.trailed()})
	return accepted
}

// whole reads all that a runtime says of the call that it has claimed, or tells why that cannot be.
func (s *Session) whole(k *call, r *request) ([]byte, *reply) {
	body, err := r.all(k.max)
	switch {
	case errors.Is(err, errTooLarge):
		refused := s.tooLarge(k, r, int64(len(body)))
		return nil, &refused
	case err != nil:
		refused := s.unclaimed(k)
		return nil, &refused
	}
	return body, nil
}

// trailed is the error that a runtime tells of behind an answer.
func (q *request) trailed() *nodeapi.FunctionError {
	if q.errorType == "" && q.errorBody == "" {
		return nil
	}
	body, err := base64.StdEncoding.DecodeString(q.errorBody)
	if err != nil {
		body = []byte(q.errorBody)
	}
	return told(q.errorType, body)
}

// tooLarge ends a call whose answer is larger than it may be.
func (s *Session) tooLarge(k *call, r *request, had int64) reply {
	rest, err := r.drain()
	s.answered(k, nodeapi.Outcome{Error: failure(k.Request, "Function.ResponseSizeTooLarge", fmt.Sprintf(
		"Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", had+rest, k.max))})
	refused := fault(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", k.max))
	refused.close = err != nil
	return refused
}

// stream passes an answer on as it comes.
func (s *Session) stream(k *call, r *request) reply {
	n, err := k.pass(r)
	switch {
	case errors.Is(err, errTooLarge):
		return s.tooLarge(k, r, n)
	case err != nil:
		s.answered(k, nodeapi.Outcome{Error: failure(k.Request, "Runtime.TruncatedResponse", "Response was truncated")})
		return broken
	}
	s.answered(k, nodeapi.Outcome{ContentType: r.contentType, Error: r.trailed()})
	return accepted
}

// pass copies an answer to the call's writer. When that fails the rest is read all the same: as on AWS, a function does
// not notice that its caller has gone.
func (k *call) pass(r *request) (int64, error) {
	gone := k.write(func() error { return k.w.Head(r.contentType) })
	var n int64
	buf := make([]byte, 32<<10)
	for {
		m, err := r.Read(buf)
		if n += int64(m); n > k.max {
			return n, errTooLarge
		}
		if m > 0 && gone == nil {
			gone = k.write(func() error { _, err := k.w.Write(buf[:m]); return err })
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// write writes to the call's writer, unless the call is over.
func (k *call) write(w func() error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return ErrCut
	}
	return w()
}

// callFailed serves POST /2018-06-01/runtime/invocation/{id}/error.
func (s *Session) callFailed(c *conn, r *request, id []byte) reply {
	k, refused := s.claim(c, id, "InvocationErrorResponse")
	if refused != nil {
		return *refused
	}
	body, refused := s.whole(k, r)
	if refused != nil {
		return *refused
	}
	s.answered(k, nodeapi.Outcome{ContentType: r.contentType, Error: told(r.errorType, body)})
	return accepted
}

// initFailed serves POST /2018-06-01/runtime/init/error.
func (s *Session) initFailed(r *request) reply {
	body, err := r.all(maxDocument)
	if err != nil {
		return broken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked || s.failed != nil {
		return wrongState("Ready", "InitError")
	}
	s.failed = told(r.errorType, body)
	s.end()
	return accepted
}

// told is an error in the words of the runtime.
func told(kind string, body []byte) *nodeapi.FunctionError {
	var words struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	_ = json.Unmarshal(body, &words) // what is no such document is passed on as it is
	if kind == "" {
		kind = words.Type
	}
	return &nodeapi.FunctionError{Type: kind, Message: words.Message, Payload: body}
}

// clientContext is the JSON that a caller sent as base64, on one line. What is none is left out.
func clientContext(encoded string) string {
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	var line bytes.Buffer
	if json.Compact(&line, text) != nil {
		return ""
	}
	return line.String()
}
