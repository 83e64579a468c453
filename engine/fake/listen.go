package fake

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"slipway/engine"
)

// listener takes the connections of one port of engine.HostAddress.
type listener struct {
	e      *Engine
	port   int
	coming chan net.Conn
	closed chan struct{}
	close  func()
}

// Listen opens a port to the programs of this engine.
func (e *Engine) Listen(ctx context.Context, port int) (net.Listener, error) {
	if err := e.before(ctx, "Listen", strconv.Itoa(port)); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	l := &listener{e: e, port: port, coming: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	e.doors[port] = l
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
	if l.e.doors[l.port] == l {
		delete(l.e.doors, l.port)
	}
	return nil
}

func (l *listener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(engine.HostAddress), uint16(l.port)))
}

// dialFrom gives the programs of a task their way to Listen.
func (e *Engine) dialFrom(task string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		l, from := e.route(task, address)
		if l == nil || !from.IsValid() {
			return nil, fmt.Errorf("dial %s: connection refused", address)
		}
		inside, outside := net.Pipe()
		select {
		case l.coming <- connFrom{outside, net.TCPAddrFromAddrPort(from)}:
			return inside, nil
		case <-l.closed:
			return nil, fmt.Errorf("dial %s: connection refused", address)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// route finds who listens at an address, and from where a task that is attached calls.
func (e *Engine) route(task, address string) (l *listener, from netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	to, err := netip.ParseAddrPort(address)
	if err == nil && to.Addr().String() == engine.HostAddress {
		l = e.doors[int(to.Port())]
	}
	if t := e.tasks[task]; t != nil && t.network.Address != "" {
		from = netip.AddrPortFrom(netip.MustParseAddr(t.network.Address), lastDynamicPort)
	}
	return l, from
}

// connFrom is a connection that comes from an address.
type connFrom struct {
	net.Conn
	from net.Addr
}

func (c connFrom) RemoteAddr() net.Addr { return c.from }
