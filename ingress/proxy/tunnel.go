package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// upgradeOf is the protocol that a request asks to go on with, or "".
func upgradeOf(r *http.Request) string {
	if len(r.Header["Upgrade"]) == 0 || r.ProtoMajor != 1 {
		return ""
	}
	for _, list := range r.Header["Connection"] {
		if hasToken(list, "upgrade") {
			return r.Header["Upgrade"][0]
		}
	}
	return ""
}

// tunnel joins the client and a target that have agreed to speak another protocol.
func (v *visit) tunnel(t *target, c *conn, res *http.Response) *failure {
	if v.upgrade == "" {
		return &failure{err: errors.New("the target speaks another protocol, which nobody asked for")}
	}
	client, rw, err := http.NewResponseController(v.w).Hijack()
	if err != nil {
		return &failure{err: err}
	}
	defer client.Close()
	w := bufio.NewWriter(client)
	w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	writeField(w, "Connection", "Upgrade")
	writeField(w, "Upgrade", res.Header.Get("Upgrade"))
	for name, values := range res.Header {
		if !lineHeader(name) {
			for _, value := range values {
				writeField(w, name, value)
			}
		}
	}
	w.WriteString("\r\n")
	if w.Flush() != nil {
		return nil
	}
	if h, ok := client.(*handed); ok && len(h.read) == 0 {
		client = h.TCPConn // so that the kernel passes on what comes
	}
	client.SetDeadline(time.Time{})
	c.SetDeadline(time.Time{})
	join(side{client, rw.Reader}, side{c.Conn, c.r}, v.l.Idle)
	return nil
}

// side is one end of a tunnel, and what was read from it already.
type side struct {
	net.Conn
	read *bufio.Reader // nil: nothing
}

// join passes on what either side says until both are done, or both are silent for as long as they may be.
func join(a, b side, idle time.Duration) {
	var heard atomic.Int64
	heard.Store(time.Now().UnixNano())
	var both sync.WaitGroup
	both.Go(func() { oneWay(b, a, idle, &heard) })
	oneWay(a, b, idle, &heard)
	both.Wait()
}

// oneWay passes on what from says, and then that it says no more.
func oneWay(to, from side, idle time.Duration, heard *atomic.Int64) {
	err := buffered(to, from)
	for err == nil {
		from.SetReadDeadline(time.Now().Add(idle))
		var n int64
		n, err = io.Copy(to.Conn, &io.LimitedReader{R: from.Conn, N: pieces})
		if n > 0 {
			heard.Store(time.Now().UnixNano())
		}
		switch {
		case err == nil && n < pieces:
			err = io.EOF
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Since(time.Unix(0, heard.Load())) < idle:
			err = nil // the other side spoke
		}
	}
	half, ok := to.Conn.(interface{ CloseWrite() error })
	if errors.Is(err, io.EOF) && ok && half.CloseWrite() == nil {
		return
	}
	to.Close()
	from.Close()
}

// buffered passes on what was read already.
func buffered(to, from side) error {
	if from.read == nil || from.read.Buffered() == 0 {
		return nil
	}
	b, _ := from.read.Peek(from.read.Buffered())
	_, err := to.Write(b)
	from.read.Discard(len(b))
	return err
}
