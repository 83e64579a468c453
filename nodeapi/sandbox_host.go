package nodeapi

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"slipway/internal/errs"
)

// hostHandler serves a SandboxHost to the control plane, on a line that the node has opened.
type hostHandler struct {
	host    SandboxHost
	mux     *http.ServeMux
	running sync.WaitGroup
}

func newHostHandler(s SandboxHost) *hostHandler {
	h := &hostHandler{host: s, mux: http.NewServeMux()}
	h.mux.HandleFunc("POST /start", hosted(h.start))
	h.mux.HandleFunc("POST /assign", hosted(h.assign))
	h.mux.HandleFunc("POST /stop", hosted(h.stop))
	h.mux.HandleFunc("POST /fetch", hosted(h.fetch))
	h.mux.HandleFunc("POST /watch", h.watch)
	return h
}

// ServeHTTP satisfies http.Handler.
func (h *hostHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.running.Add(1)
	defer h.running.Done()
	if r.URL.Path == invokePath {
		h.invoke(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

const invokePath = "/invoke"

type (
	stopRequest  struct{ ID string }
	fetchRequest struct {
		Account string
		Code    []Code
	}
	nothing struct{}
)

func (h *hostHandler) start(r *http.Request, s Sandbox) (nothing, error) {
	return nothing{}, h.host.Start(r.Context(), s)
}

func (h *hostHandler) assign(r *http.Request, a Assignment) (Init, error) {
	return h.host.Assign(r.Context(), a)
}

func (h *hostHandler) stop(r *http.Request, s stopRequest) (nothing, error) {
	return nothing{}, h.host.Stop(r.Context(), s.ID)
}

func (h *hostHandler) fetch(r *http.Request, f fetchRequest) (nothing, error) {
	return nothing{}, h.host.Fetch(r.Context(), f.Account, f.Code)
}

// hosted reads what the control plane wants, does it, and answers.
func hosted[In, Out any](do func(*http.Request, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		var out Out
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReport)).Decode(&in)
		if err != nil {
			err = fmt.Errorf("%w: %s", errMalformed, err)
		} else {
			out, err = do(r, in)
		}
		if err != nil {
			failHosted(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		encode(w, out) // who has gone need not be told
	}
}

func failHosted(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf[errs.KindOf(err)])
	encode(w, hostError(err))
}

// hostError is an error of a SandboxHost on the wire. The control plane is no stranger to the node: it is told all.
func hostError(err error) *wireError {
	e := &wireError{Kind: errs.KindOf(err).String(), Message: err.Error()}
	if errors.Is(err, ErrNoSandbox) {
		e.Cause = noSandbox
	}
	return e
}

// watch tells how sandboxes are, a line for each time.
func (h *hostHandler) watch(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	if out.Flush() != nil {
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	err := h.host.Watch(ctx, func(states []SandboxState) {
		if encode(w, watchLine{States: states}) != nil || out.Flush() != nil {
			stop() // nobody is there any more
		}
	})
	if err != nil && ctx.Err() == nil {
		encode(w, watchLine{Error: hostError(err)})
	}
}

// watchLine is one line of what is told: states, or the error that ends it.
type watchLine struct {
	States []SandboxState `json:"states,omitempty"`
	Error  *wireError     `json:"error,omitempty"`
}

func (h *hostHandler) invoke(w http.ResponseWriter, r *http.Request) {
	i, streamed, err := readInvocation(r)
	if err != nil {
		failHosted(w, err)
		return
	}
	answer := &answering{w: w, out: http.NewResponseController(w)}
	var to AnswerWriter
	if streamed {
		to = answer
	}
	o, err := h.host.Invoke(r.Context(), i, to)
	if err != nil {
		answer.fail(err)
		return
	}
	answer.end(o)
}

// invocationHead is what an invocation begins with: itself, but for its payload.
type invocationHead struct {
	Invocation
	Streamed bool `json:"streamed,omitempty"` // the answer is wanted as it comes
}

// readInvocation reads a head, behind its length of four bytes, and then the payload.
func readInvocation(r *http.Request) (i Invocation, streamed bool, err error) {
	var size [4]byte
	if _, err := io.ReadFull(r.Body, size[:]); err != nil {
		return i, false, fmt.Errorf("%w: %s", errMalformed, err)
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	rest := r.ContentLength - n - int64(len(size))
	if n > maxHead || rest < 0 || rest > maxPayload {
		return i, false, fmt.Errorf("%w: a head of %d bytes and a payload of %d", errMalformed, n, rest)
	}
	all := make([]byte, n+rest)
	if _, err := io.ReadFull(r.Body, all); err != nil {
		return i, false, fmt.Errorf("%w: %s", errMalformed, err)
	}
	var head invocationHead
	if err := json.Unmarshal(all[:n], &head); err != nil {
		return i, false, fmt.Errorf("%w: %s", errMalformed, err)
	}
	i = head.Invocation
	i.Payload = all[n:]
	return i, head.Streamed, nil
}

// answering writes the pieces of an answer.
type answering struct {
	w     http.ResponseWriter
	out   *http.ResponseController
	begun bool
}

var pieceBuffers = sync.Pool{New: func() any { return new([]byte) }}

// send writes a piece at once, where it is small with what comes behind it.
func (a *answering) send(kind byte, piece []byte) error {
	a.begun = true
	b := pieceBuffers.Get().(*[]byte)
	defer pieceBuffers.Put(b)
	if len(piece) > MaxPiece {
		*b = binary.BigEndian.AppendUint32(append((*b)[:0], kind), uint32(len(piece)))
		if _, err := a.w.Write(*b); err != nil {
			return err
		}
		_, err := a.w.Write(piece)
		return err
	}
	*b = appendPiece((*b)[:0], kind, piece)
	_, err := a.w.Write(*b)
	return err
}

// Head satisfies AnswerWriter.
func (a *answering) Head(contentType string) error {
	if err := a.send(answerHead, []byte(contentType)); err != nil {
		return err
	}
	return a.out.Flush()
}

// Write satisfies AnswerWriter.
func (a *answering) Write(p []byte) (int, error) {
	a.out.SetWriteDeadline(time.Now().Add(sendLimit))
	if err := a.send(answerBytes, p); err != nil {
		return 0, err
	}
	return len(p), a.out.Flush()
}

func (a *answering) end(o Outcome) {
	text, err := json.Marshal(o)
	if err != nil {
		a.fail(err)
		return
	}
	if len(o.Payload) > 0 && a.send(answerBytes, o.Payload) != nil {
		return
	}
	a.send(answerEnds, text) // who has gone need not be told
}

func (a *answering) fail(err error) {
	if !a.begun {
		failHosted(a.w, err)
		return
	}
	if text, err := json.Marshal(hostError(err)); err == nil {
		a.send(answerFails, text)
	}
}
