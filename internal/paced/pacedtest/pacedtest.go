// Package pacedtest sees whether bytes go out as a file, which the kernel sends, or are copied.
package pacedtest

import (
	"io"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
)

// Listener hands out TCP connections that count the bytes they are given as a file.
type Listener struct {
	net.Listener
	AsFile *atomic.Int64
}

// Accept satisfies net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn{c.(*net.TCPConn), l.AsFile}, nil
}

type conn struct {
	*net.TCPConn
	asFile *atomic.Int64
}

// ReadFrom is what the HTTP server hands a file to, for the kernel to send.
func (c conn) ReadFrom(src io.Reader) (int64, error) {
	n, err := c.TCPConn.ReadFrom(src)
	if isFile(src) {
		c.asFile.Add(n)
	}
	return n, err
}

// Sink is a response that counts how often it is given a piece of a file.
type Sink struct {
	*httptest.ResponseRecorder
	Files int
}

// ReadFrom is what io.Copy finds.
func (s *Sink) ReadFrom(src io.Reader) (int64, error) {
	if isFile(src) {
		s.Files++
	}
	return io.Copy(s.ResponseRecorder, src)
}

// isFile reports whether src is a piece of something that the kernel can read by itself.
func isFile(src io.Reader) bool {
	piece, is := src.(*io.LimitedReader)
	if is {
		_, is = piece.R.(syscall.Conn)
	}
	return is
}
