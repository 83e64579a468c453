package peers

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"slipway/functions"
	"slipway/nodeapi"
)

// Room is what other servers want of a *functions.Control.
type Room interface {
	CallHere(ctx context.Context, p functions.Passed, w nodeapi.AnswerWriter, began func(version, release string)) (functions.Answer, error)
	RetireHere(account, function, release string) error
	ProgressHere(ctx context.Context, r functions.Ref, one functions.Provisioned) (functions.Provisioned, error)
}

// NewHandler serves a room to other servers.
func NewHandler(room Room) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+invokePath, func(w http.ResponseWriter, r *http.Request) { invoke(room, w, r) })
	mux.HandleFunc("POST "+retirePath, asked(func(_ context.Context, r retirement) (nothing, error) {
		return nothing{}, room.RetireHere(r.Account, r.Function, r.Release)
	}))
	mux.HandleFunc("POST "+progressPath, asked(func(ctx context.Context, p progress) (functions.Provisioned, error) {
		return room.ProgressHere(ctx, p.Ref, p.Provisioned)
	}))
	return mux
}

type (
	nothing    struct{}
	retirement struct{ Account, Function, Release string }
	progress   struct {
		Ref         functions.Ref
		Provisioned functions.Provisioned
	}
)

// asked reads what another server wants, does it, and answers in one frame.
func asked[In, Out any](do func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxHead)).Decode(&in); err != nil {
			http.Error(w, "malformed", http.StatusBadRequest)
			return
		}
		kind, said := byte(frameEnd), any(nil)
		said, err := do(r.Context(), in)
		if err != nil {
			kind, said = frameFails, failureOf(err)
		}
		if frame, err := appendJSON(nil, kind, said); err == nil {
			w.Write(frame) // who has gone need not be told
		}
	}
}

func invoke(room Room, w http.ResponseWriter, r *http.Request) {
	p, err := readCall(w, r)
	if err != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	out := &answering{w: w, out: http.NewResponseController(w)}
	var to nodeapi.AnswerWriter
	var tell func(version, release string)
	if p.Streamed {
		to, tell = out, out.began
	}
	a, err := room.CallHere(r.Context(), p, to, tell)
	if err != nil {
		out.fail(err)
		return
	}
	out.end(a)
}

// readCall reads a head, behind its length of four bytes, and then the payload.
func readCall(w http.ResponseWriter, r *http.Request) (p functions.Passed, err error) {
	var size [4]byte
	body := http.MaxBytesReader(w, r.Body, maxHead+functions.MaxPayload+int64(len(size)))
	if _, err := io.ReadFull(body, size[:]); err != nil {
		return p, err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	rest := r.ContentLength - n - int64(len(size))
	if n > maxHead || rest < 0 || rest > functions.MaxPayload {
		return p, fmt.Errorf("a head of %d bytes and a payload of %d", n, rest)
	}
	all := make([]byte, n+rest)
	if _, err := io.ReadFull(body, all); err != nil {
		return p, err
	}
	err = json.Unmarshal(all[:n], &p)
	p.Payload = all[n:]
	return p, err
}

// answering writes the frames of an answer.
type answering struct {
	w      http.ResponseWriter
	out    *http.ResponseController
	buffer []byte
	failed error
}

var _ nodeapi.AnswerWriter = (*answering)(nil)

// began tells what runs. What comes first of the answer brings it along.
func (a *answering) began(version, release string) {
	a.buffer, a.failed = appendJSON(a.buffer[:0], frameBegan, began{version, release})
}

// Head satisfies nodeapi.AnswerWriter.
func (a *answering) Head(contentType string) error {
	return a.send(frameHead, []byte(contentType))
}

// Write satisfies nodeapi.AnswerWriter.
func (a *answering) Write(p []byte) (int, error) {
	if err := a.send(frameBytes, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (a *answering) send(kind byte, payload []byte) error {
	if a.failed != nil {
		return a.failed
	}
	a.buffer = appendFrame(a.buffer, kind, payload)
	a.out.SetWriteDeadline(time.Now().Add(sendLimit))
	if _, a.failed = a.w.Write(a.buffer); a.failed == nil {
		a.failed = a.out.Flush()
	}
	a.buffer = a.buffer[:0]
	return a.failed
}

func (a *answering) end(answer functions.Answer) {
	if len(answer.Payload) > 0 {
		a.buffer = appendFrame(a.buffer, frameBytes, answer.Payload)
	}
	a.close(frameEnd, endedOf(answer))
}

func (a *answering) fail(err error) { a.close(frameFails, failureOf(err)) }

// close writes the last frame: the end of the request sends it.
func (a *answering) close(kind byte, v any) {
	all, err := appendJSON(a.buffer, kind, v)
	if err == nil && a.failed == nil {
		a.out.SetWriteDeadline(time.Now().Add(sendLimit))
		a.w.Write(all) // who has gone need not be told
	}
}
