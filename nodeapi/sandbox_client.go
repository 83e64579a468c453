package nodeapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	"slipway/internal/errs"
)

var errNodeAway = errs.New(errs.Unavailable, "the line to the node has ended")

// remoteHost is the SandboxHost of a node, at the other end of the line that the node has opened.
type remoteHost struct{ line *http.ClientConn }

var _ SandboxHost = (*remoteHost)(nil)

// Start satisfies SandboxHost.
func (h *remoteHost) Start(ctx context.Context, s Sandbox) error {
	return h.call(ctx, "/start", s, &nothing{})
}

// Assign satisfies SandboxHost.
func (h *remoteHost) Assign(ctx context.Context, a Assignment) (init Init, err error) {
	err = h.call(ctx, "/assign", a, &init)
	return init, err
}

// Stop satisfies SandboxHost.
func (h *remoteHost) Stop(ctx context.Context, id string) error {
	return h.call(ctx, "/stop", stopRequest{id}, &nothing{})
}

// Fetch satisfies SandboxHost.
func (h *remoteHost) Fetch(ctx context.Context, account string, code []Code) error {
	return h.call(ctx, "/fetch", fetchRequest{account, code}, &nothing{})
}

// Watch satisfies SandboxHost.
func (h *remoteHost) Watch(ctx context.Context, tell func([]SandboxState)) error {
	resp, err := h.post(ctx, "/watch", http.NoBody, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxFrame)
	for lines.Scan() {
		var line watchLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("%w: %s", errAnswer, err)
		}
		if line.Error != nil {
			return line.Error.asError()
		}
		tell(line.States)
	}
	return away(ctx, lines.Err())
}

// Invoke satisfies SandboxHost. A call that was not sent has not begun.
func (h *remoteHost) Invoke(ctx context.Context, i Invocation, w AnswerWriter) (Outcome, error) {
	head, err := json.Marshal(invocationHead{i, w != nil})
	if err != nil {
		return Outcome{}, err
	}
	body := &invocationBody{head: binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(head)), uint32(len(head))), payload: i.Payload}
	body.head = append(body.head, head...)
	resp, err := h.post(ctx, invokePath, body, int64(len(body.head)+len(body.payload)))
	if err != nil {
		if !body.begun.Load() && errs.KindOf(err) == errs.Unavailable {
			err = fmt.Errorf("%w: %w", ErrNoSandbox, err)
		}
		return Outcome{}, err
	}
	defer resp.Body.Close()
	answer := newPieces(resp.Body)
	defer answer.free()
	o, err := answer.answer(w, mostOf(i.MaxAnswer))
	if err == nil {
		return o, nil
	}
	if err, ok := ofCaller(err); ok {
		return Outcome{}, err
	}
	if errs.KindOf(err) == errs.Internal && ctx.Err() == nil { // of the line, not of the node
		return Outcome{}, away(ctx, err)
	}
	if ctx.Err() != nil {
		return Outcome{}, ctx.Err()
	}
	return Outcome{}, err
}

// mostOf bounds the answer of a call, which the node bounds already.
func mostOf(limit int64) int64 {
	if limit <= 0 || limit > maxPayload {
		return maxPayload
	}
	return limit
}

// invocationBody is a head and a payload, neither of them copied.
type invocationBody struct {
	head, payload []byte
	begun         atomic.Bool // it is being sent
}

// Read satisfies io.Reader.
func (b *invocationBody) Read(p []byte) (n int, err error) {
	b.begun.Store(true)
	n = copy(p, b.head)
	b.head = b.head[n:]
	more := copy(p[n:], b.payload)
	b.payload = b.payload[more:]
	if n += more; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close satisfies io.Closer.
func (b *invocationBody) Close() error { return nil }

func (h *remoteHost) call(ctx context.Context, path string, in, out any) error {
	var body bytes.Buffer
	if err := encode(&body, in); err != nil {
		return err
	}
	resp, err := h.post(ctx, path, io.NopCloser(&body), int64(body.Len()))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxReport)).Decode(out); err != nil {
		return away(ctx, err)
	}
	return nil
}

// post returns a good answer, or the error that a bad one carries.
func (h *remoteHost) post(ctx context.Context, path string, body io.ReadCloser, length int64) (*http.Response, error) {
	if err := h.line.Err(); err != nil {
		return nil, away(ctx, err)
	}
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: "node", Path: path}, Host: "node",
		Header: http.Header{}, Body: body, ContentLength: length,
	}
	resp, err := h.line.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, away(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxHead))
	var e wireError
	if json.Unmarshal(text, &e) != nil || e.Kind == "" {
		return nil, fmt.Errorf("%w: %s", errAnswer, resp.Status)
	}
	return nil, e.asError()
}

// away tells a line that has failed from a caller who has had enough.
func away(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return errNodeAway
	}
	return fmt.Errorf("%w: %w", errNodeAway, err)
}
