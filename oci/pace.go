package oci

import (
	"errors"
	"io"
	"math"
	"net/http"
	"time"
)

// A client may be slow, but it may not hold a connection for nothing: in each patience, so many bytes must move.
const (
	patience = time.Minute
	least    = 1 << 20 // when bytes go out: the connection takes them in large steps
	leastIn  = 64 << 10
)

// paced lets a body of any length go out, as long as it moves. The kernel still copies it: what reaches the
// connection is the file itself.
func paced(w http.ResponseWriter) *pacedWriter {
	return &pacedWriter{w, http.NewResponseController(w)}
}

type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Where deadlines are not served, the server's own timeouts have to do.
func (w *pacedWriter) extend(t time.Time) { _ = w.control.SetWriteDeadline(t) }

// ReadFrom is what io.Copy finds.
func (w *pacedWriter) ReadFrom(src io.Reader) (total int64, err error) {
	defer w.extend(time.Time{})
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	for limited.N > 0 {
		w.extend(time.Now().Add(patience))
		step := io.LimitedReader{R: limited.R, N: min(limited.N, least)}
		n, err := io.Copy(w.ResponseWriter, &step)
		total += n
		limited.N -= n
		if err != nil || n == 0 {
			return total, err
		}
	}
	return total, nil
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// body is a request body that must keep coming.
type body struct {
	io.Reader
	control *http.ResponseController
	due     int       // bytes until the deadline moves on
	left    time.Time // when the last read ended
}

func pacedBody(w http.ResponseWriter, r io.Reader) *body {
	return &body{Reader: r, control: http.NewResponseController(w)}
}

func (b *body) Read(p []byte) (int, error) {
	if ours := time.Since(b.left) > time.Second; b.due <= 0 || ours { // while nobody read, nothing could come
		b.due = leastIn
		_ = b.control.SetReadDeadline(time.Now().Add(patience))
	}
	n, err := b.Reader.Read(p)
	b.due, b.left = b.due-n, time.Now()
	if err != nil && !errors.Is(err, io.EOF) {
		err = bodyError{err}
	}
	return n, err
}

// done lifts the deadline: what comes next on the connection is not part of the body.
func (b *body) done() { _ = b.control.SetReadDeadline(time.Time{}) }
