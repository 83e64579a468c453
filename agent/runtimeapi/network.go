package runtimeapi

import (
	"net"
	"sync"
)

// maxConns is how many connections a sandbox may have open: a runtime needs one or two, an extension as many.
const maxConns = 256

// network is a session's listeners and connections.
type network struct {
	mu     sync.Mutex
	open   map[interface{ Close() error }]bool
	conns  int
	closed bool
	wg     sync.WaitGroup
}

func (n *network) init() { n.open = map[interface{ Close() error }]bool{} }

// Serve answers the connections of a listener until Close. It closes the listener.
func (s *Session) Serve(l net.Listener) error {
	if !s.net.add(l) {
		return net.ErrClosed
	}
	defer s.net.remove(l)
	for {
		raw, err := l.Accept()
		if err != nil {
			return err
		}
		c := newConn(s, raw)
		if !s.net.add(c) {
			raw.Close()
			continue
		}
		go func() {
			defer s.net.remove(c)
			c.serve()
		}()
	}
}

// add keeps what Close is to close and wait for. It is false when it is too late, or too many are open.
func (n *network) add(one interface{ Close() error }) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.conns >= maxConns {
		return false
	}
	n.open[one] = true
	n.conns++
	n.wg.Add(1)
	return true
}

func (n *network) remove(one interface{ Close() error }) {
	one.Close()
	n.mu.Lock()
	delete(n.open, one)
	n.conns--
	n.mu.Unlock()
	n.wg.Done()
}

func (n *network) close() {
	n.mu.Lock()
	n.closed = true
	for one := range n.open {
		one.Close()
	}
	n.mu.Unlock()
	n.wg.Wait()
}
