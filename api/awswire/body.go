package awswire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// buffers holds the bytes that requests are read into and answers are written into.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled keeps the rare large buffer from being held for ever.
const maxPooled = 1 << 20

func giveBack(p *[]byte, b []byte) {
	if cap(b) <= maxPooled {
		*p = b[:0]
		buffers.Put(p)
	}
}

// What callers may cost who are not proven: their bodies must be read before their signatures can be
// found wrong. Nobody is shut out for failing: whoever shares an address with them would be, too.
const (
	bodyTime  = 5 * time.Minute  // for a body to come
	largeBody = 1 << 20          // bytes; a body that may be larger waits for its turn
	maxLarge  = 16               // large bodies that are read at once
	largeWait = 10 * time.Second // for one's turn
)

// takeTurn waits until a large body may be read, and returns what ends the turn.
func (x *exchange) takeTurn() (done func(), err error) {
	if n := x.r.ContentLength; n >= 0 && n <= largeBody {
		return func() {}, nil
	}
	late := time.NewTimer(largeWait)
	defer late.Stop()
	select {
	case x.mux.large <- struct{}{}:
		return func() { <-x.mux.large }, nil
	case <-late.C:
		return nil, x.service.api.throttled(time.Second)
	case <-x.r.Context().Done():
		return nil, x.r.Context().Err()
	}
}

// readBody reads the body as it was sent, has it verified, and returns it without its content
// encoding. The string is a copy of its own, so that decoded values may alias it.
func (x *exchange) readBody(verify func(sent []byte) error) (string, error) {
	done, err := x.takeTurn()
	if err != nil {
		return "", err
	}
	defer done()
	p := buffers.Get().(*[]byte)
	sent, err := readAll((*p)[:0], x.r.Body, x.mux.config.MaxBody, x.r.ContentLength)
	defer func() { giveBack(p, sent) }()
	if err != nil {
		return "", err
	}
	_ = x.control.SetReadDeadline(time.Time{}) // what comes next on the connection is not the body
	if err := verify(sent); err != nil {
		return "", err
	}
	switch encoding := x.r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return string(sent), nil
	case "gzip":
		return x.unzip(sent)
	default:
		return "", FaultType{Shape: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType}.
			Newf("The content encoding '%s' is not supported: send gzip or none.", encoding)
	}
}

// readAll reads a body of at most limit bytes, which says that it has length, or -1. What is only said
// to come takes no room yet.
func readAll(into []byte, body io.Reader, limit, length int64) ([]byte, error) {
	b := bytes.NewBuffer(into)
	if length > 0 {
		b.Grow(int(min(length, limit, largeBody)) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(body, limit+1)); err != nil {
		return b.Bytes(), incomplete.Newf("The body could not be read to its end: %v", err)
	}
	if int64(b.Len()) > limit {
		return b.Bytes(), tooLarge.Newf("The body is larger than %d bytes.", limit)
	}
	return b.Bytes(), nil
}

func (x *exchange) unzip(sent []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(sent))
	if err != nil {
		return "", &unreadable{text: "the body is not gzip, as Content-Encoding says: " + err.Error()}
	}
	plain, err := readAll(nil, z, x.mux.config.MaxBody, -1)
	if f, ok := errors.AsType[*Fault](err); ok && f.Shape == incomplete.Shape {
		return "", &unreadable{text: f.Message}
	}
	return string(plain), err
}
