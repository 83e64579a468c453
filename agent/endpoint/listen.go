package endpoint

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// What a container may take of the node.
const (
	headerTime  = 10 * time.Second
	idleTime    = time.Minute
	headerBytes = 64 << 10
	connections = 256 // of one task to one port, at once
	drainTime   = 2 * time.Second
	firstOpen   = 100 * time.Millisecond
	lastOpen    = 30 * time.Second
)

// quiet is for what containers do to their own connections.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)

// keepOpen serves a port until ctx ends, and says when it has tried for the first time to open it.
func (s *Server) keepOpen(ctx context.Context, port int, open func(context.Context, int) (net.Listener, error), told func(), h http.Handler) {
	tried := sync.OnceFunc(told)
	for wait := firstOpen; ctx.Err() == nil; wait = min(2*wait, lastOpen) {
		l, err := open(ctx, port)
		tried()
		if err == nil {
			wait = firstOpen
			err = serve(ctx, &limited{Listener: l, open: map[netip.Addr]int{}}, h)
		}
		if ctx.Err() != nil {
			return
		}
		slog.Warn("containers do not reach the node", "port", port, "error", err)
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
		}
	}
}

// serve answers on l until ctx ends, and gives requests a moment to end.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes, ErrorLog: quiet}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		server.Close()
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if server.Shutdown(drain) != nil {
		server.Close()
	}
	return <-failed
}

// limited closes what a task opens beyond its share, so that it is in nobody's way.
type limited struct {
	net.Listener
	mu   sync.Mutex
	open map[netip.Addr]int
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err == nil && l.take(from.Addr()) {
			return &counted{Conn: conn, free: sync.OnceFunc(func() { l.free(from.Addr()) })}, nil
		}
		conn.Close()
	}
}

func (l *limited) take(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= connections {
		return false
	}
	l.open[from]++
	return true
}

func (l *limited) free(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

// counted is a connection of a task's share.
type counted struct {
	net.Conn
	free func()
}

func (c *counted) Close() error {
	defer c.free()
	return c.Conn.Close()
}
