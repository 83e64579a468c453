package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// handed is a client's connection that net/http takes over, with what was read of it.
type handed struct {
	*net.TCPConn
	read  []byte
	begun atomic.Pointer[begun] // the request in read was sent already; nil: it was not
}

func (h *handed) Read(p []byte) (int, error) {
	if len(h.read) == 0 {
		return h.TCPConn.Read(p)
	}
	n := copy(p, h.read)
	h.read = h.read[n:]
	return n, nil
}

// WriteTo stands before that of the connection, which does not know what was read.
func (h *handed) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{h})
}

// drop is for a connection that ends before anybody asked for what was begun.
func (h *handed) drop() {
	if x := h.begun.Swap(nil); x != nil {
		x.drop()
	}
}

// handedKey finds the connection of a request.
type handedKey struct{}

func withHanded(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, handedKey{}, c)
}

// begunOf is what was begun of a request; nil: nothing.
func begunOf(r *http.Request) *begun {
	h, _ := r.Context().Value(handedKey{}).(*handed)
	if h == nil {
		return nil
	}
	return h.begun.Swap(nil)
}

// handover is the listener that net/http accepts connections from.
type handover struct {
	net.Listener // whose address it has
	conns        chan net.Conn
	closed       chan struct{}
	once         sync.Once
}

func newHandover(l net.Listener) *handover {
	return &handover{Listener: l, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// take gives net/http a connection, and tells whether it still takes any.
func (o *handover) take(c *client) bool {
	h := &handed{TCPConn: c.TCPConn, read: c.buf[:c.n]}
	h.begun.Store(c.begun)
	select {
	case o.conns <- h:
		return true
	case <-o.closed:
		return false
	}
}

func (o *handover) Accept() (net.Conn, error) {
	select {
	case c := <-o.conns:
		return c, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

// Close leaves the listener below as it is: others accept from it.
func (o *handover) Close() error {
	o.once.Do(func() { close(o.closed) })
	return nil
}
