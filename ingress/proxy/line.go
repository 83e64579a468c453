package proxy

import (
	"context"
	"errors"
	"net"
	"time"
)

// accept serves the connections of a listener.
func (b *binding) accept() {
	for {
		c, err := b.l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(10 * time.Millisecond) // too many open files, and its like
			continue
		}
		b.take(c.(*net.TCPConn))
	}
}

// take serves a connection.
func (b *binding) take(c *net.TCPConn) {
	var asks *client
	if !b.tcp {
		asks = newClient(b, c)
	}
	switch {
	case !b.keep(c, asks):
		c.Close()
		b.l.release()
	case b.tcp:
		b.front.running.Go(func() {
			defer b.l.release()
			defer b.forget(c)
			defer c.Close()
			b.passLine(c)
		})
	default:
		b.front.running.Go(asks.serve)
	}
}

func (b *binding) keep(c net.Conn, asks *client) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.lines[c] = asks
	}
	return !b.ended
}

func (b *binding) forget(c net.Conn) {
	b.mu.Lock()
	delete(b.lines, c)
	b.mu.Unlock()
}

func (b *binding) cutLines() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	for c := range b.lines {
		c.Close()
	}
}

// endClients closes those that wait, and waits for the others until ctx ends. Then it closes them.
func (b *binding) endClients(ctx context.Context) {
	for {
		left := b.closeClients(ctx.Err() != nil)
		if left == 0 || ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// closeClients closes those that wait, or all, and returns how many there are.
func (b *binding) closeClients(all bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	for _, c := range b.lines {
		if c.state.CompareAndSwap(waiting, closed) || all {
			c.Close()
		}
	}
	return len(b.lines)
}

// passLine joins a client with a target. One that cannot be reached is passed over; a client for whom there is
// none is hung up on.
func (b *binding) passLine(client net.Conn) {
	e := b.front.table.Load().ports[b.port]
	if e == nil || !e.tcp {
		return
	}
	p := e.first.def.pool()
	if p == nil {
		return
	}
	var tried []*target
	for len(tried) < mostTries {
		t := p.pick(tried)
		if p.group.Load().BySource && len(tried) == 0 {
			ip, _ := splitAddress(client.RemoteAddr().String())
			t = p.bySource(addressOf(ip))
		}
		if t == nil || t.line(client, e.first.Idle, len(*p.ready.Load()) > len(tried)+1) {
			return
		}
		tried = append(tried, t)
	}
}

// line joins a client with the target until one of them hangs up, and tells whether the target could be reached.
func (t *target) line(client net.Conn, idle time.Duration, more bool) bool {
	t.running.Add(1)
	defer t.running.Add(-1)
	limit := dialLast
	if more {
		limit = dialSoon
	}
	c, err := t.dial(context.Background(), limit)
	if err != nil {
		return false
	}
	defer t.drop(c)
	join(side{client, nil}, side{c.Conn, nil}, idle)
	return true
}
