// Package paced moves bodies of any length over HTTP for as long as they move: a client may be slow, but it may not
// hold a connection for nothing. In each Patience, so many bytes must go.
package paced

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"slipway/internal/errs"
)

// Patience is how long the next bytes may take: 1 MiB where they go out, for the connection takes them in large steps,
// and 64 KiB where they come in.
const Patience = time.Minute

const (
	leastOut = 1 << 20
	leastIn  = 64 << 10
)

// ErrBody is a request body that did not come to its end, or too slowly (os.ErrDeadlineExceeded): its client's doing.
var ErrBody = errs.New(errs.Invalid, "read the body")

// Writer is where a body goes out. The kernel still copies what is a file: it reaches the connection as one.
type Writer struct {
	http.ResponseWriter
	control *http.ResponseController
}

// NewWriter returns a writer of the answer that w is.
func NewWriter(w http.ResponseWriter) *Writer {
	return &Writer{w, http.NewResponseController(w)}
}

// extend moves the deadline. Where deadlines are not served, the server's own timeouts have to do.
func (w *Writer) extend(t time.Time) { _ = w.control.SetWriteDeadline(t) }

// ReadFrom is what io.Copy finds.
func (w *Writer) ReadFrom(src io.Reader) (total int64, err error) {
	defer w.extend(time.Time{})
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	for limited.N > 0 {
		w.extend(time.Now().Add(Patience))
		step := io.LimitedReader{R: limited.R, N: min(limited.N, leastOut)}
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
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Body is the body of a request, which must keep coming.
type Body struct {
	body    io.Reader
	control *http.ResponseController
	due     int       // bytes until the deadline moves on
	left    time.Time // when the last read ended
}

// NewBody returns the body of r, which w answers. Whoever may leave before its end calls Done.
func NewBody(w http.ResponseWriter, r *http.Request) *Body {
	return &Body{body: r.Body, control: http.NewResponseController(w)}
}

// Read returns ErrBody where the body does not go on.
func (b *Body) Read(p []byte) (int, error) {
	if ours := time.Since(b.left) > time.Second; b.due <= 0 || ours { // while nobody read, nothing could come
		b.due = leastIn
		_ = b.control.SetReadDeadline(time.Now().Add(Patience))
	}
	n, err := b.body.Read(p)
	b.due, b.left = b.due-n, time.Now()
	switch {
	case errors.Is(err, io.EOF):
		b.Done()
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrBody, err)
	}
	return n, err
}

// Done lifts the deadline: what comes next on the connection is not the body.
func (b *Body) Done() { _ = b.control.SetReadDeadline(time.Time{}) }
