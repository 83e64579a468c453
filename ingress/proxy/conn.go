package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a connection to a target that speaks HTTP/1.1.
type conn struct {
	net.Conn
	tcp   *net.TCPConn // the same; nil: over TLS
	r     *bufio.Reader
	w     *bufio.Writer
	since time.Time // when it was used last
	until time.Time // when it has been silent for too long
}

// How long a connection to a target may take: when others are there to be asked, and when it is the last.
const (
	dialSoon = 2 * time.Second
	dialLast = 10 * time.Second
)

// bufferSize is that of a connection's reader and of its writer.
const bufferSize = 8 << 10

var dialer = net.Dialer{KeepAlive: 30 * time.Second}

// dial connects to the target.
func (t *target) dial(ctx context.Context, limit time.Duration) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	raw, err := dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw}
	if t.secure {
		secure := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) // as on AWS, certificates of targets are not verified
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		c.Conn = secure
	} else {
		c.tcp, _ = raw.(*net.TCPConn)
	}
	c.r, c.w = bufio.NewReaderSize(c.Conn, bufferSize), bufio.NewWriterSize(c.Conn, bufferSize)
	if !t.keep(c) {
		c.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// open returns a connection to use: an idle one that is still open, or a new one. With fresh, a new one; with blind,
// one that was used just now is not looked at, since a request that may be repeated finds out by itself.
func (t *target) open(ctx context.Context, fresh, blind bool, limit time.Duration) (*conn, error) {
	for !fresh {
		c := t.take()
		if c == nil {
			break
		}
		if blind && time.Since(c.since) < time.Second || c.quiet() {
			return c, nil
		}
		t.drop(c)
	}
	return t.dial(ctx, limit)
}

// quiet tells whether an idle connection is still open and says nothing, as it should. It does not wait.
func (c *conn) quiet() bool {
	if c.tcp == nil {
		return c.r.Buffered() == 0
	}
	raw, err := c.tcp.SyscallConn()
	if err != nil || c.r.Buffered() > 0 {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
	})
	return err == nil && quiet
}

// expect lets the target be silent for so long from now on, or for an eighth less: the clock is not set for every
// request.
func (c *conn) expect(idle time.Duration) {
	wanted := time.Now().Add(idle)
	if left := wanted.Sub(c.until); left < 0 || left > idle/8 {
		c.SetReadDeadline(wanted)
		c.until = wanted
	}
}

// answer reads the head of the final answer to r. Interim answers are passed over, but for a switch of protocols.
func (c *conn) answer(r *http.Request) (*http.Response, error) {
	for {
		res, err := http.ReadResponse(c.r, r)
		if err != nil || res.StatusCode == http.StatusSwitchingProtocols || res.StatusCode >= 200 {
			return res, err
		}
	}
}

// writeBody sends the body of a request, in chunks when its length is not known.
func (c *conn) writeBody(r *http.Request, body io.Reader) error {
	if r.ContentLength > 0 {
		_, err := io.CopyN(c.w, body, r.ContentLength)
		if err == nil {
			err = c.w.Flush()
		}
		return err
	}
	chunks := &chunks{c.w}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	if _, err := io.CopyBuffer(chunks, onlyReader{body}, *buf); err != nil {
		return err
	}
	return chunks.end(r.Trailer)
}

type onlyReader struct{ io.Reader }
