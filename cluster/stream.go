package cluster

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"slipway/internal/ids"
	"slipway/nodeapi"
)

// openLimit is how long a node may take to open the line that it is asked for.
const openLimit = 20 * time.Second

// streams are the lines between nodes and those who are in their containers. They are this server's alone.
type streams struct {
	mu      sync.Mutex
	lines   map[string]*session // by node: those of this server
	waiting map[string]*waiting // by the stream's id
	open    map[string]int      // by node
}

// waiting is a stream that its node is to open.
type waiting struct {
	node, secret string
	line         chan io.ReadWriteCloser
}

func newStreams() *streams {
	return &streams{lines: map[string]*session{}, waiting: map[string]*waiting{}, open: map[string]int{}}
}

// joined notes the session by which a node is reached, until it is left.
func (s *streams) joined(node *session) (left func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[node.node] = node
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.lines[node.node] == node {
			delete(s.lines, node.node)
		}
	}
}

// begin takes one of the node's places, or fails with ErrTooManySessions or ErrNotConnected.
func (s *streams) begin(node string) (line *session, w *waiting, id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line = s.lines[node]; line == nil {
		return nil, nil, "", ErrNotConnected
	}
	if s.open[node] >= MaxStreams {
		return nil, nil, "", ErrTooManySessions
	}
	s.open[node]++
	id = ids.Hex(16)
	w = &waiting{node: node, secret: ids.Hex(32), line: make(chan io.ReadWriteCloser, 1)}
	s.waiting[id] = w
	return line, w, id, nil
}

func (s *streams) end(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[node]--; s.open[node] == 0 {
		delete(s.open, node)
	}
}

// take finds who waits for a stream, once.
func (s *streams) take(id string, may func(*waiting) bool) *waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiting[id]
	if w == nil || !may(w) {
		return nil
	}
	delete(s.waiting, id)
	return w
}

// Stream brings the line of a node to who waits for it.
func (c *Control) Stream(_ context.Context, r nodeapi.StreamRequest) (io.ReadWriteCloser, error) {
	w := c.streams.take(r.ID, func(w *waiting) bool {
		return w.node == r.Node && subtle.ConstantTimeCompare([]byte(w.secret), []byte(r.Secret)) == 1
	})
	if w == nil {
		return nil, fmt.Errorf("%w: nobody waits for it", ErrNoSession)
	}
	ours, theirs := net.Pipe()
	w.line <- ours // nobody else has taken it, and there is room for one
	return theirs, nil
}

// Running is a session that has begun.
type Running struct {
	*nodeapi.Line
	Exec  *nodeapi.Exec // nil: it tells what tasks use
	close func()
}

// Close ends the session, and what runs in it.
func (r *Running) Close() error {
	r.close()
	return nil
}

// Begin begins a session by its token, which is good once. It fails with ErrNoSession where there is no such
// session, or where the token is not its own; with ErrNotConnected where this server has no line to the node;
// and with ErrTooManySessions.
func (c *Control) Begin(ctx context.Context, id, token string) (*Running, error) {
	node, what, err := c.redeemToken(ctx, id, token)
	if err != nil {
		return nil, err
	}
	line, err := c.openStream(ctx, node, what)
	if err != nil {
		return nil, err
	}
	ended := sync.OnceFunc(func() {
		line.Close()
		c.streams.end(node)
	})
	return &Running{line, what.Exec, ended}, nil
}

// openStream has a node open a line for what is wished. It takes one of the node's places.
func (c *Control) openStream(ctx context.Context, node string, what wish) (*nodeapi.Line, error) {
	to, w, id, err := c.streams.begin(node)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, openLimit, ErrNotConnected)
	defer cancel()
	rw, err := w.await(ctx, to, nodeapi.Stream{ID: id, Secret: w.secret, Exec: what.Exec, Stats: what.Stats})
	if err == nil {
		return nodeapi.NewLine(rw), nil
	}
	if c.streams.take(id, func(*waiting) bool { return true }) == nil {
		(<-w.line).Close() // it has just come
	}
	c.streams.end(node)
	return nil, err
}

// await asks the node for the stream, and waits for its line.
func (w *waiting) await(ctx context.Context, to *session, s nodeapi.Stream) (io.ReadWriteCloser, error) {
	select {
	case to.asks <- s:
	case <-to.over:
		return nil, ErrNotConnected
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case rw := <-w.line:
		return rw, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
