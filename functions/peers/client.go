package peers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"slipway/functions"
	"slipway/functions/home"
	"slipway/nodeapi"
)

// dialLimit is how long a server may take to be reached.
const dialLimit = 2 * time.Second

// Client reaches the other servers.
type Client struct {
	tls   func(server string) *tls.Config
	mu    sync.Mutex
	lines map[place]*line
}

var _ functions.Peers = (*Client)(nil)

// place is a server at an address.
type place struct{ server, address string }

// line is how one server is reached.
type line struct {
	calls *http.Transport // HTTP/2
	lines *http.Transport // HTTP/1.1, whose connections become others
}

// NewClient reaches servers by connections that prove to be theirs.
func NewClient(config func(server string) *tls.Config) *Client {
	return &Client{tls: config, lines: map[place]*line{}}
}

// to finds how a server is reached. That is forgotten when the account for which it was asked first has moved.
func (c *Client) to(at *home.Home) *line {
	key := place{at.Server, at.Address}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[key]
	if l == nil {
		l = &line{calls: c.transport(at, true), lines: c.transport(at, false)}
		c.lines[key] = l
		go func() {
			<-at.Moved()
			c.forget(key)
		}()
	}
	return l
}

func (c *Client) forget(key place) {
	c.mu.Lock()
	l := c.lines[key]
	delete(c.lines, key)
	c.mu.Unlock()
	if l != nil {
		l.calls.CloseIdleConnections()
		l.lines.CloseIdleConnections()
	}
}

func (c *Client) transport(at *home.Home, http2 bool) *http.Transport {
	p := new(http.Protocols)
	p.SetHTTP2(http2)
	p.SetHTTP1(!http2)
	return &http.Transport{
		DialContext: (&net.Dialer{Timeout: dialLimit, KeepAlive: 5 * time.Second}).DialContext, TLSClientConfig: c.tls(at.Server),
		TLSHandshakeTimeout: dialLimit, IdleConnTimeout: 90 * time.Second, DisableCompression: true, Protocols: p, HTTP2: pings(),
	}
}

// Close ends what is idle.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, l := range c.lines {
		delete(c.lines, key)
		l.calls.CloseIdleConnections()
		l.lines.CloseIdleConnections()
	}
}

// Node reaches another server as a node's control plane: to pass lines on.
func (c *Client) Node(at *home.Home) *nodeapi.Client {
	return nodeapi.NewClient("https://"+at.Address, c.to(at).lines)
}

// Invoke satisfies functions.Peers.
func (c *Client) Invoke(ctx context.Context, at *home.Home, p functions.Passed, w nodeapi.AnswerWriter, tell func(version, release string)) (functions.Answer, error) {
	head, err := json.Marshal(p)
	if err != nil {
		return functions.Answer{}, err
	}
	sent := newCallBody(head, p.Payload)
	resp, err := c.post(ctx, at, invokePath, sent)
	if err != nil {
		return functions.Answer{}, sent.broken(ctx, at, err)
	}
	defer resp.Body.Close()
	a, err := readAnswer(bufio.NewReader(resp.Body), w, tell)
	if f, is := errors.AsType[*lineError](err); is {
		err = sent.broken(ctx, at, f)
	}
	return a, err
}

// readAnswer reads frames to the last one.
func readAnswer(r *bufio.Reader, w nodeapi.AnswerWriter, tell func(version, release string)) (functions.Answer, error) {
	var payload []byte
	for {
		kind, part, err := readFrame(r)
		if err != nil {
			return functions.Answer{}, &lineError{err}
		}
		switch {
		case kind == frameBytes && w == nil && payload == nil:
			payload = part
		case kind == frameBytes && w != nil:
			_, err = w.Write(part)
		case kind == frameHead && w != nil:
			err = w.Head(string(part))
		case kind == frameBegan && tell != nil:
			var b began
			err = json.Unmarshal(part, &b)
			tell(b.Version, b.Release)
		case kind == frameEnd:
			var e ended
			if err := json.Unmarshal(part, &e); err != nil {
				return functions.Answer{}, &lineError{err}
			}
			return e.answer(payload), nil
		case kind == frameFails:
			return functions.Answer{}, failureIn(part)
		default:
			err = &lineError{fmt.Errorf("%w: a frame of kind %d", errFrame, kind)}
		}
		if err != nil {
			return functions.Answer{}, err
		}
	}
}

func failureIn(part []byte) error {
	var f failure
	if err := json.Unmarshal(part, &f); err != nil {
		return &lineError{err}
	}
	return f.err()
}

// lineError is trouble with the line, not with the call.
type lineError struct{ error }

// Retire satisfies functions.Peers.
func (c *Client) Retire(ctx context.Context, at *home.Home, account, function, release string) error {
	return c.ask(ctx, at, retirePath, retirement{account, function, release}, &nothing{})
}

// Progress satisfies functions.Peers.
func (c *Client) Progress(ctx context.Context, at *home.Home, r functions.Ref, one functions.Provisioned) (functions.Provisioned, error) {
	var there functions.Provisioned
	err := c.ask(ctx, at, progressPath, progress{r, one}, &there)
	return there, err
}

func (c *Client) ask(ctx context.Context, at *home.Home, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := c.post(ctx, at, path, &callBody{head: text})
	if err != nil {
		return fmt.Errorf("%w: %w", functions.ErrNoRunner, err)
	}
	defer resp.Body.Close()
	kind, part, err := readFrame(bufio.NewReader(resp.Body))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", functions.ErrNoRunner, err)
	case kind == frameFails:
		return failureIn(part)
	}
	return json.Unmarshal(part, out)
}

func (c *Client) post(ctx context.Context, at *home.Home, path string, body *callBody) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+at.Address+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.ContentLength = int64(len(body.head) + len(body.payload))
	r.Body = body.reader()
	r.GetBody = func() (io.ReadCloser, error) { // the other server has said that it did nothing
		body.begun.Store(false)
		return body.reader(), nil
	}
	resp, err := c.to(at).calls.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: %s", errFrame, resp.Status)
	}
	return resp, nil
}

// callBody is a head and a payload, neither of them copied.
type callBody struct {
	head, payload []byte
	begun         atomic.Bool // it is being sent
}

func newCallBody(head, payload []byte) *callBody {
	b := &callBody{head: make([]byte, 0, 4+len(head)), payload: payload}
	b.head = append(binary.BigEndian.AppendUint32(b.head, uint32(len(head))), head...)
	return b
}

func (b *callBody) reader() io.ReadCloser {
	return &bodyReader{b, io.MultiReader(bytes.NewReader(b.head), bytes.NewReader(b.payload))}
}

type bodyReader struct {
	of *callBody
	io.Reader
}

// Read satisfies io.Reader.
func (r *bodyReader) Read(p []byte) (int, error) {
	r.of.begun.Store(true)
	return r.Reader.Read(p)
}

// Close satisfies io.Closer.
func (r *bodyReader) Close() error { return nil }

// broken words that a line failed: before anything of a call was sent, so that it can be made again, or after that.
func (b *callBody) broken(ctx context.Context, at *home.Home, err error) error {
	select {
	case <-at.Moved(): // which ended ctx
	default:
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if !b.begun.Load() {
		return fmt.Errorf("%w: server %s at %s: %v", functions.ErrMoved, at.Server, at.Address, err)
	}
	return fmt.Errorf("%w: server %s at %s: %v", functions.ErrLost, at.Server, at.Address, err)
}
