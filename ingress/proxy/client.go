package proxy

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

// client is a connection whose requests are passed on without net/http's server, which costs more than all else that
// a small request needs. It takes what is plain and quick: a request and an answer that are each there in one buffer.
// At the first one that is not, net/http gets the connection, with what was read of it and with the target's
// connection if the request was sent already, and keeps it. So no failure is handled here, and none is told here.
type client struct {
	*net.TCPConn
	b        *binding
	ip, port string
	buf      []byte
	n        int       // how much of buf was read and is not answered yet
	until    time.Time // when the client has been silent for too long
	state    atomic.Int32
	ask      ask
	told     told
	out      []byte
	begun    *begun // nil: the request was not sent yet
}

// States of a client. One that waits may be closed by whoever makes the step from waiting to closed.
const (
	busy int32 = iota
	waiting
	closed
)

// How long the fast way waits for an answer to begin, and for what is missing of something that has begun.
const (
	patience = 500 * time.Millisecond
	moment   = 10 * time.Millisecond
	mostMore = 4 // how often something is waited for that has begun
)

// plainSize is how long a request of the fast way may be, with its body.
const plainSize = 8 << 10

// begun is a request that a target was sent and has not answered. It counts as running.
type begun struct {
	l *listener
	p *pool
	t *target
	c *conn
}

func (x *begun) drop() {
	x.t.drop(x.c)
	x.t.running.Add(-1)
}

func newClient(b *binding, c *net.TCPConn) *client {
	ip, port := splitAddress(c.RemoteAddr().String())
	return &client{TCPConn: c, b: b, ip: ip, port: port, buf: make([]byte, plainSize)}
}

// serve answers requests until the client is gone or net/http takes over.
func (c *client) serve() {
	handed := false
	defer func() {
		if r := recover(); r != nil {
			slog.Error("a request could not be passed on", "panic", r, "stack", string(debug.Stack()))
		}
		if !handed {
			c.Close()
			c.b.l.release()
			if c.begun != nil {
				c.begun.drop()
			}
		}
		c.b.forget(c.TCPConn)
	}()
	for first := true; c.hear(first); first = false {
		if !c.understand() || !c.pass() {
			handed = c.b.handed.take(c)
			return
		}
	}
}

// hear waits for the next request, and tells whether anything came.
func (c *client) hear(first bool) bool {
	if c.n > 0 {
		return !c.b.closing.Load()
	}
	limit := silent
	if first {
		limit = headerTime
	}
	c.expect(limit)
	c.state.Store(waiting)
	if c.b.closing.Load() {
		return false
	}
	n, err := c.Read(c.buf)
	c.n = n
	return err == nil && c.state.CompareAndSwap(waiting, busy)
}

// expect lets the client be silent for so long, or for an eighth less.
func (c *client) expect(limit time.Duration) {
	wanted := time.Now().Add(limit)
	if left := wanted.Sub(c.until); left < 0 || left > limit/8 {
		c.SetReadDeadline(wanted)
		c.until = wanted
	}
}

// understand reads the request in the buffer, and waits a moment for what is missing of it.
func (c *client) understand() bool {
	for range mostMore {
		switch c.ask.read(c.buf[:c.n]) {
		case whole:
			return true
		case unusual:
			return false
		}
		if c.n == len(c.buf) || c.ask.length > len(c.buf) {
			return false
		}
		c.expect(moment)
		n, err := c.Read(c.buf[c.n:])
		c.n += n
		if err != nil {
			return false
		}
	}
	return false
}

// pass has a target answer the request, and tells whether all of it is done.
func (c *client) pass() bool {
	l := c.b.front.table.Load().listener(c.b.port, string(c.ask.host))
	if l == nil {
		return false
	}
	p := c.pool(l)
	if p == nil {
		return false
	}
	if g := p.group.Load(); g.Sticky > 0 || g.HTTP2 { // before a turn is taken
		return false
	}
	t := p.pick(nil)
	if t == nil || t.h2 != nil || !c.send(l, p, t) || !c.answered() {
		return false
	}
	c.tell()
	return true
}

// pool is where the listener's rules send the request; nil: they do not simply forward it.
func (c *client) pool(l *listener) *pool {
	if len(l.rules) == 0 {
		return l.def.pool()
	}
	r, err := c.ask.request(c.buf[:c.n])
	if err != nil {
		return nil
	}
	v := visit{r: r, l: l, ip: c.ip}
	return v.decide().pool()
}

// send gives the request to the target.
func (c *client) send(l *listener, p *pool, t *target) bool {
	t.running.Add(1)
	up, err := t.open(context.Background(), false, repeatable(c.ask.method, int64(max(c.ask.length, 0))), dialSoon)
	if err != nil {
		t.running.Add(-1)
		return false
	}
	c.begun = &begun{l, p, t, up}
	out := append(c.out[:0], c.ask.kept...)
	l.added(c.ip, c.port, listed(c.ask.from), listed(c.ask.traced), func(name, value string) {
		out = appendField(out, name, value)
	})
	if c.ask.length > 0 || hasLength(c.ask.method) {
		out = appendField(out, "Content-Length", strconv.Itoa(max(c.ask.length, 0)))
	}
	out = append(out, "\r\n"...)
	c.out = append(out, c.buf[c.ask.head:c.ask.size()]...)
	up.expect(min(patience, l.Idle))
	up.Write(c.out) // that it failed is seen when the answer is read
	return true
}

// answered waits until the target's answer is there, and tells whether it is plain. It stays in the buffer.
func (c *client) answered() bool {
	up := c.begun.c
	_, err := up.r.Peek(1)
	for range mostMore {
		if err != nil {
			return false
		}
		have := up.r.Buffered()
		b, _ := up.r.Peek(have)
		if v := c.told.read(b); v != more {
			return v == whole
		}
		if have == bufferSize || c.told.length > bufferSize {
			return false
		}
		up.expect(moment)
		_, err = up.r.Peek(have + 1)
	}
	return false
}

// tell gives the client the answer.
func (c *client) tell() {
	out := append(c.out[:0], c.told.kept...)
	if !c.told.dated {
		out = appendField(out, "Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if c.b.closing.Load() {
		out = appendField(out, "Connection", "close")
	}
	out = append(out, "\r\n"...)
	c.out = append(out, c.told.body...)
	c.n = copy(c.buf, c.buf[c.ask.size():c.n])
	x := c.begun
	x.c.r.Discard(c.told.size)
	x.t.give(x.c)
	if _, err := c.Write(c.out); err != nil {
		c.n = 0
		c.Close()
	}
	x.t.running.Add(-1)
	c.begun = nil
}

func appendField(out []byte, name, value string) []byte {
	out = append(out, name...)
	out = append(out, ": "...)
	out = append(out, value...)
	return append(out, "\r\n"...)
}

// listed is a header that was given once or not at all.
func listed(value []byte) []string {
	if value == nil {
		return nil
	}
	return []string{string(value)}
}
