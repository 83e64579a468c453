package s3

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"slipway/internal/errs"
)

// A client may be slow, but it may not hold a connection for nothing: in each patience, so many bytes must move.
const (
	patience = time.Minute
	leastOut = 1 << 20
	leastIn  = 64 << 10
)

// errBody says that a body did not come to its end.
var errBody = errs.New(errs.Invalid, "the body did not come")

// paced lets a body of any length go out, as long as it moves. The kernel still copies it: what reaches the
// connection is the file itself.
func paced(w http.ResponseWriter) *pacedWriter {
	return &pacedWriter{w, http.NewResponseController(w)}
}

type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// ReadFrom is what io.Copy finds.
func (w *pacedWriter) ReadFrom(src io.Reader) (total int64, err error) {
	// Where deadlines are not served, the server's own timeouts have to do.
	defer func() { _ = w.control.SetWriteDeadline(time.Time{}) }()
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	for limited.N > 0 {
		_ = w.control.SetWriteDeadline(time.Now().Add(patience))
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

// arriving is a request body that must keep coming.
type arriving struct {
	body    io.Reader
	control *http.ResponseController
	due     int       // bytes until the deadline moves on
	left    time.Time // when the last read ended
}

func (b *arriving) Read(p []byte) (int, error) {
	if ours := time.Since(b.left) > time.Second; b.due <= 0 || ours { // while nobody read, nothing could come
		b.due = leastIn
		_ = b.control.SetReadDeadline(time.Now().Add(patience))
	}
	n, err := b.body.Read(p)
	b.due, b.left = b.due-n, time.Now()
	switch {
	case errors.Is(err, io.EOF):
		_ = b.control.SetReadDeadline(time.Time{}) // what comes next on the connection is not the body
	case err != nil:
		err = fmt.Errorf("%w: %w", errBody, err)
	}
	return n, err
}
