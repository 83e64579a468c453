package nodeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"slipway/internal/errs"
)

// upgradeSandboxes is what the connection of a node's sandboxes is asked to become: HTTP/2 whose server is the node.
const upgradeSandboxes = "slipway-sandboxes"

// linePings has both ends find out about a dead line as soon as on other lines, and lets many calls be under way on it.
func linePings() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: 1 << 20, StrictMaxConcurrentRequests: true,
		MaxReadFrameSize: 1 << 20, MaxReceiveBufferPerConnection: 4<<20 - 1, MaxReceiveBufferPerStream: 4<<20 - 1,
		SendPingTimeout: KeepAlive, PingTimeout: deadAfter - KeepAlive, WriteByteTimeout: sendLimit,
	}
}

func onlyHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// Sandboxes is FunctionPlane.Sandboxes: the control plane uses the host over a connection of its own, which the node opens.
// It returns when nothing of the host is in use any more.
func (c *Client) Sandboxes(ctx context.Context, node string, h SandboxHost) error {
	rw, err := c.become(ctx, "sandboxes", upgradeSandboxes, http.Header{"Slipway-Node": {node}})
	if err != nil {
		return err
	}
	line := newLineConn(rw, rw)
	defer context.AfterFunc(ctx, func() { line.Close() })()
	serveHost(line, h)
	return unreachable(ctx, io.EOF)
}

// serveHost serves a host on a connection until that ends, and waits for all that is under way.
func serveHost(line *lineConn, h SandboxHost) {
	handler := newHostHandler(h)
	s := &http.Server{
		Handler: handler, Protocols: onlyHTTP2(), HTTP2: linePings(),
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	only := &oneConn{conn: line}
	s.Serve(only) // until the line has ended
	s.Close()
	handler.running.Wait()
}

// oneConn is a listener at which one connection comes.
type oneConn struct {
	conn *lineConn
	once sync.Once
}

// Accept satisfies net.Listener.
func (l *oneConn) Accept() (net.Conn, error) {
	var first net.Conn
	l.once.Do(func() { first = l.conn })
	if first != nil {
		return first, nil
	}
	<-l.conn.ended
	return nil, net.ErrClosed
}

// Close satisfies net.Listener.
func (l *oneConn) Close() error { return nil }

// Addr satisfies net.Listener.
func (l *oneConn) Addr() net.Addr { return lineAddr{} }

// dialHost takes the host at the other end of a connection into use.
func dialHost(ctx context.Context, line *lineConn) (*remoteHost, error) {
	t := &http.Transport{
		Protocols: onlyHTTP2(), HTTP2: linePings(), DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return line, nil },
	}
	conn, err := t.NewClientConn(ctx, "http", "node:80")
	if err != nil {
		return nil, err
	}
	return &remoteHost{conn}, nil
}

// sandboxes lets the control plane use the host of a node, as long as the line lives and the node may be there.
func (h *handler) sandboxes(fp FunctionPlane) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		node := r.Header.Get("Slipway-Node")
		p, err := h.peer(r)
		if err == nil {
			err = p.itself(node)
		}
		if err != nil {
			fail(w, r, err)
			return
		}
		acceptLine(w, r, func(ctx context.Context, line *lineConn) error {
			defer h.watch(r, line)()
			if relay, is := fp.(Relay); is {
				if elsewhere, err := relay.Relay(ctx, node, line); elsewhere {
					return err
				}
			}
			return useLine(ctx, line, node, fp)
		})
	}
}

// acceptLine makes the connection of a request a line of sandboxes, for as long as it is used.
func acceptLine(w http.ResponseWriter, r *http.Request, use func(context.Context, *lineConn) error) {
	if r.Header.Get("Upgrade") != upgradeSandboxes {
		fail(w, r, errNoUpgrade)
		return
	}
	line, err := hijack(w, upgradeSandboxes)
	if err != nil {
		fail(w, r, err)
		return
	}
	defer line.Close()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() { // until the line is closed, which it is at the end
		<-line.ended
		cancel()
	}()
	err = use(ctx, line)
	if err != nil && ctx.Err() == nil && errs.KindOf(err) != errs.NotFound { // it comes again once it is a member
		slog.Warn("the sandboxes of a node are not used", "node", r.Header.Get("Slipway-Node"), "error", err)
	}
}

// useLine has the host at the other end of a line used.
func useLine(ctx context.Context, line *lineConn, node string, fp FunctionPlane) error {
	host, err := dialHost(ctx, line)
	if err != nil {
		return err
	}
	defer host.line.Close()
	return fp.Sandboxes(ctx, node, host)
}

// hijack makes the connection of a request another thing.
func hijack(w http.ResponseWriter, upgrade string) (*lineConn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+upgrade+"\r\n\r\n")
	if err = errors.Join(err, conn.SetDeadline(time.Time{})); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return newLineConn(conn, buffered.Reader), nil
}

// lineConn is one end of an upgraded connection. Deadlines are set where it can have them: elsewhere pings do their work.
type lineConn struct {
	io.Reader
	line  io.WriteCloser
	once  sync.Once
	ended chan struct{} // closed when this end is
}

func newLineConn(line io.WriteCloser, from io.Reader) *lineConn {
	return &lineConn{Reader: from, line: line, ended: make(chan struct{})}
}

// Write satisfies net.Conn.
func (c *lineConn) Write(p []byte) (int, error) { return c.line.Write(p) }

// Close satisfies net.Conn.
func (c *lineConn) Close() (err error) {
	c.once.Do(func() {
		err = c.line.Close()
		close(c.ended)
	})
	return err
}

// LocalAddr satisfies net.Conn.
func (c *lineConn) LocalAddr() net.Addr { return lineAddr{} }

// RemoteAddr satisfies net.Conn.
func (c *lineConn) RemoteAddr() net.Addr { return lineAddr{} }

// SetDeadline satisfies net.Conn.
func (c *lineConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline satisfies net.Conn.
func (c *lineConn) SetReadDeadline(t time.Time) error {
	if conn, ok := c.line.(net.Conn); ok {
		return conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline satisfies net.Conn.
func (c *lineConn) SetWriteDeadline(t time.Time) error {
	if conn, ok := c.line.(net.Conn); ok {
		return conn.SetWriteDeadline(t)
	}
	return nil
}

// lineAddr is where a line is: at itself.
type lineAddr struct{}

// Network satisfies net.Addr.
func (lineAddr) Network() string { return "line" }

func (lineAddr) String() string { return "node" }

// become opens a connection of the client's own and has it be another thing. It ends with ctx.
func (c *Client) become(ctx context.Context, path, upgrade string, header http.Header) (io.ReadWriteCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", upgrade)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusNotFound && resp.Header.Get("Content-Type") != "application/json" {
			return nil, fmt.Errorf("%w: %s", errOlder, path)
		}
		return nil, refused(resp)
	}
	rw, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return nil, errors.Join(errNoUpgrade, resp.Body.Close())
	}
	return rw, nil
}
