package proxy

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// key names a target within its group.
type key struct {
	id, host string
	port     int
}

func (t Target) key() key { return key{t.ID, t.Host, t.Port} }

// target is a Target in use. It lives from the plan that has it first to the first that has it no more.
type target struct {
	Target
	address  string
	cookie   string // by which a client sticks to it
	secure   bool
	draining atomic.Bool
	running  atomic.Int64
	health   atomic.Pointer[verdict]
	h2       *http.Transport // nil: it speaks HTTP/1.1

	ctx context.Context // ends when what still runs is cut
	cut context.CancelFunc

	endChecks context.CancelFunc // nil: it is not checked

	mu    sync.Mutex
	idle  []*conn // the last used at the end
	conns map[*conn]struct{}
	gone  bool
}

// maxIdle is how many connections to a target are kept open with nothing to do, idleLife for how long.
const (
	maxIdle  = 512
	idleLife = 30 * time.Second
)

func newTarget(t Target, g *Group) *target {
	made := &target{Target: t, address: net.JoinHostPort(t.Host, strconv.Itoa(t.Port)), secure: g.Secure, conns: map[*conn]struct{}{}}
	made.cookie = mark(g.ID, made.address)
	made.ctx, made.cut = context.WithCancel(context.Background())
	made.health.Store(&verdict{health: Initial, reason: ReasonRegistering, text: "Target registration is in progress"})
	if g.HTTP2 {
		made.h2 = newH2(g.Secure)
	}
	return made
}

// drain lets what runs go on, and closes what only waits.
func (t *target) drain() {
	t.draining.Store(true)
	t.closeIdle(time.Now().Add(time.Hour))
	if t.h2 != nil {
		t.h2.CloseIdleConnections()
	}
}

// end cuts what still runs.
func (t *target) end() {
	t.draining.Store(true)
	t.cut()
	t.mu.Lock()
	t.gone, t.idle = true, nil
	for c := range t.conns {
		c.Close()
	}
	t.mu.Unlock()
	if t.h2 != nil {
		t.h2.CloseIdleConnections()
	}
}

// take returns an idle connection, or nil.
func (t *target) take() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle) == 0 {
		return nil
	}
	c := t.idle[len(t.idle)-1]
	t.idle = t.idle[:len(t.idle)-1]
	return c
}

// give puts a connection back that can be used again.
func (t *target) give(c *conn) {
	if t.draining.Load() || c.r.Buffered() > 0 { // what nobody asked for is not to answer the next request
		t.drop(c)
		return
	}
	c.since = time.Now()
	t.mu.Lock()
	if !t.gone && len(t.idle) < maxIdle {
		t.idle = append(t.idle, c)
		c = nil
	}
	t.mu.Unlock()
	if c != nil {
		t.drop(c)
	}
}

// keep notes a new connection, unless the target is gone.
func (t *target) keep(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.gone {
		t.conns[c] = struct{}{}
	}
	return !t.gone
}

func (t *target) drop(c *conn) {
	c.Close()
	t.mu.Lock()
	delete(t.conns, c)
	t.mu.Unlock()
}

// closeIdle closes the connections that have had nothing to do since a time.
func (t *target) closeIdle(before time.Time) {
	t.mu.Lock()
	n := 0
	for n < len(t.idle) && t.idle[n].since.Before(before) {
		n++
	}
	old := append([]*conn(nil), t.idle[:n]...)
	t.idle = append(t.idle[:0], t.idle[n:]...)
	t.mu.Unlock()
	for _, c := range old {
		t.drop(c)
	}
}
