package proxy

import (
	"context"
	"errors"
	"net"
	"time"
)

// acceptLines passes on the connections of a TCP listener.
func (b *binding) acceptLines() {
	for {
		c, err := b.l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(10 * time.Millisecond) // too many open files, and its like
			continue
		case !b.keep(c):
			c.Close()
			b.l.release()
			continue
		}
		b.front.running.Go(func() {
			defer b.l.release()
			defer b.forget(c)
			b.passLine(c)
		})
	}
}

func (b *binding) keep(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.lines[c] = struct{}{}
	}
	return !b.ended
}

func (b *binding) forget(c net.Conn) {
	c.Close()
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
