package fake

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"slipway/engine"
)

// localAddress is where programs of tasks in the host's network reach what ListenLocal opens.
const localAddress = "127.0.0.1"

var errRefused = errors.New("connection refused")

// listener takes the connections of one port of engine.HostAddress, or of localAddress.
type listener struct {
	e      *Engine
	at     netip.AddrPort
	coming chan net.Conn
	closed chan struct{}
	close  func()
}

// Listen opens a port to the programs of this engine.
func (e *Engine) Listen(ctx context.Context, port int) (net.Listener, error) {
	return e.listen(ctx, "Listen", engine.HostAddress, port)
}

// ListenLocal opens a port to the programs of tasks in the host's network.
func (e *Engine) ListenLocal(ctx context.Context, port int) (net.Listener, error) {
	return e.listen(ctx, "ListenLocal", localAddress, port)
}

func (e *Engine) listen(ctx context.Context, call, address string, port int) (net.Listener, error) {
	if err := e.before(ctx, call, strconv.Itoa(port)); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port))
	l := &listener{e: e, at: at, coming: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	e.doors[at] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.coming:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.close()
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	if l.e.doors[l.at] == l {
		delete(l.e.doors, l.at)
	}
	return nil
}

func (l *listener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(l.at)
}

// dialFrom gives the programs of a task their way to Listen.
func (e *Engine) dialFrom(task string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		l, from := e.route(task, address)
		return l.dial(ctx, from)
	}
}

// dial connects to a listener, from an address. Where nobody listens, or from nowhere, it is refused.
func (l *listener) dial(ctx context.Context, from netip.AddrPort) (net.Conn, error) {
	if l == nil || !from.IsValid() {
		return nil, errRefused
	}
	inside, outside := net.Pipe()
	select {
	case l.coming <- connFrom{outside, net.TCPAddrFromAddrPort(from)}:
		return inside, nil
	case <-l.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// route finds who listens at an address, and from where a task that is attached calls.
func (e *Engine) route(task, address string) (l *listener, from netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	to, err := netip.ParseAddrPort(address)
	t := e.tasks[task]
	if err != nil || t == nil {
		return nil, from
	}
	self, way := t.network.Address, engine.HostAddress
	if t.mode == engine.HostNet {
		self, way = localAddress, localAddress
	}
	if self == "" || to.Addr().String() != way {
		return nil, from
	}
	return e.doors[to], netip.AddrPortFrom(netip.MustParseAddr(self), lastDynamicPort)
}

// connFrom is a connection that comes from an address.
type connFrom struct {
	net.Conn
	from net.Addr
}

func (c connFrom) RemoteAddr() net.Addr { return c.from }
