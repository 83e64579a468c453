// Package home says at which of several servers over one database the fleet of an account is. One has it at a time, by a
// lease: the others pass on to it what comes to them.
//
// It does not know what a fleet is, nor how servers speak with one another.
package home

import (
	"context"
	"sync/atomic"
	"time"
)

// Home is where the fleet of an account is, for as long as it stays there: when it has moved, there is another Home of
// the account.
type Home struct {
	Account string
	Server  string // id
	Address string // host:port where other servers reach it
	Here    bool   // it is this server

	until atomic.Int64 // by the clock that only goes on, since start
	wall  atomic.Int64 // by the clock on the wall: the other one may stand still where a machine sleeps
	moved context.Context
	move  context.CancelFunc
}

var start = time.Now()

// only is where all fleets are of a server that is alone.
var only = &Home{Here: true, moved: context.Background(), move: func() {}}

func newHome(r row, me string) *Home {
	h := &Home{Account: r.account, Server: r.server, Address: r.address, Here: r.server == me}
	h.moved, h.move = context.WithCancel(context.Background())
	return h
}

// Certain reports whether the fleet is still there, for all that this server knows: whoever has it may use it only then.
func (h *Home) Certain() bool {
	if h == only {
		return true
	}
	now := time.Now()
	return int64(now.Sub(start)) < h.until.Load() && now.UnixNano() < h.wall.Load()
}

// Moved is closed once the fleet is elsewhere.
func (h *Home) Moved() <-chan struct{} { return h.moved.Done() }

// With returns a context that ends with ctx, and when the fleet is elsewhere. Its function is to be called at the end.
func (h *Home) With(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(h.moved, func() { cancel(ErrMoved) })
	return ctx, func() { stop(); cancel(nil) }
}

// certainFor has the home be certain until so long after a time.
func (h *Home) certainFor(from time.Time, d time.Duration) {
	h.until.Store(int64(from.Sub(start) + d))
	h.wall.Store(from.UnixNano() + int64(d))
}

func (h *Home) same(r row) bool { return h.Server == r.server && h.Address == r.address }
