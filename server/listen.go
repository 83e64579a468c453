package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// headerTimeout bounds how long a stranger may take to send a request's header. Bodies are
// bounded by the doors, which know how long theirs may take.
const headerTimeout = 20 * time.Second

func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}

// listenAdmin opens the admin listener: at addr when one is asked for, otherwise at the port
// after the API's, where a port in use costs only a warning.
func listenAdmin(ctx context.Context, addr string, api net.Addr) (net.Listener, error) {
	var lc net.ListenConfig
	switch addr {
	case "off":
		return nil, nil
	case "":
		port := api.(*net.TCPAddr).Port + 1
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			slog.Warn("no admin listener: give its address with --admin", "error", err)
			return nil, nil
		}
		return l, nil
	}
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("admin listener: %w", err)
	}
	return l, nil
}

// silence is how long a node may leave unacknowledged what it is sent. A session is sent something every few
// seconds, so this is when a machine whose cable was pulled is missed.
const silence = 15 * time.Second

// listenNodes opens the listener of nodes.
func listenNodes(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { // what is accepted inherits it
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
		})
		return errors.Join(err, failed)
	}}
	return lc.Listen(ctx, "tcp", addr)
}

// endWith ends the requests of h when ctx does: those that would never end by themselves.
func endWith(ctx context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		h.ServeHTTP(w, r.WithContext(request))
	})
}

// serve answers on l until ctx ends and then lets the requests in flight end, for at most drain.
func serve(ctx context.Context, srv *http.Server, l net.Listener, drain time.Duration) error {
	return serveWhile(ctx, srv, l, drain, func() bool { return false })
}

// serveWhile is serve that waits on while calls are under way, for at most callDrain.
func serveWhile(ctx context.Context, srv *http.Server, l net.Listener, drain time.Duration, calls func() bool) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	err, late := shutDown(srv, drain), time.Now().Add(callDrain-drain)
	for errors.Is(err, context.DeadlineExceeded) && calls() && time.Now().Before(late) {
		err = shutDown(srv, lookAgain)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-failed
	return err
}

// lookAgain is how long a server waits until it asks again whether calls are under way.
const lookAgain = 100 * time.Millisecond

// shutDown lets requests end for so long.
func shutDown(srv *http.Server, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return srv.Shutdown(ctx)
}
