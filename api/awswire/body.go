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

// buffers holds the bytes that answers are written into.
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
	hugeBody  = defaultMaxBody   // bytes; a body that may be larger waits for its turn among those
	maxHuge   = 4                // huge bodies that are read at once
	largeWait = 10 * time.Second // for one's turn
)

// takeTurn waits until a large body of at most limit bytes may be read, and returns what ends the turn.
func (x *exchange) takeTurn(limit int64) (done func(), err error) {
	size, turns := x.r.ContentLength, x.mux.large
	if size < 0 {
		size = limit
	}
	if size <= largeBody {
		return func() {}, nil
	}
	if size > hugeBody && limit > hugeBody {
		turns = x.mux.huge
	}
	late := time.NewTimer(largeWait)
	defer late.Stop()
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-late.C:
		return nil, x.service.api.throttled(time.Second)
	case <-x.r.Context().Done():
		return nil, x.r.Context().Err()
	}
}

// readBody reads the body as it was sent, has it verified, and returns it without its content
// encoding. The bytes are the call's own, so that decoded values may alias them.
func (x *exchange) readBody(verify func(sent []byte) error) ([]byte, error) {
	sent, err := x.readSent(max(x.mux.config.MaxBody, x.service.maxBody), verify)
	if err != nil {
		return nil, err
	}
	switch encoding := x.r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return sent, nil
	case "gzip":
		return x.unzip(sent)
	default:
		return nil, FaultType{Shape: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType}.
			Newf("The content encoding '%s' is not supported: send gzip or none.", encoding)
	}
}

// readSent reads a body of at most limit bytes as it was sent, and has it verified.
func (x *exchange) readSent(limit int64, verify func(sent []byte) error) ([]byte, error) {
	done, err := x.takeTurn(limit)
	if err != nil {
		return nil, err
	}
	defer done()
	sent, err := readAll(x.r.Body, limit, x.r.ContentLength)
	if err != nil {
		return nil, err
	}
	_ = x.control.SetReadDeadline(time.Time{}) // what comes next on the connection is not the body
	return sent, verify(sent)
}

// growth is how much room a body gets at once, that has come as far as largeBody: a payload of a function
// is copied no further then.
const growth = 8 << 20

// readAll reads a body of at most limit bytes, which says that it has length, or -1. What is only said
// to come takes no room yet.
func readAll(body io.Reader, limit, length int64) ([]byte, error) {
	if length <= min(limit, largeBody) && length > 0 {
		return readSmall(body, limit, length)
	}
	var b bytes.Buffer
	if length > 0 {
		b.Grow(int(min(length, limit, largeBody)) + bytes.MinRead)
	}
	body = io.LimitReader(body, limit+1)
	if _, err := io.CopyN(&b, body, min(limit+1, largeBody)); err == nil && length > largeBody {
		b.Grow(int(min(length-largeBody, growth)) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(body); err != nil {
		return nil, incomplete.Newf("The body could not be read to its end: %v", err)
	}
	if int64(b.Len()) > limit {
		return nil, tooLarge.Newf("The body is larger than %d bytes.", limit)
	}
	return b.Bytes(), nil
}

// readSmall is readAll for bodies that say that they are small, as most are: into as much as they need.
func readSmall(body io.Reader, limit, length int64) ([]byte, error) {
	b := make([]byte, 0, length+1)
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return nil, tooLarge.Newf("The body is larger than %d bytes.", limit)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, incomplete.Newf("The body could not be read to its end: %v", err)
		case len(b) == cap(b): // more than it said
			b = append(b, 0)[:len(b)]
		}
	}
}

func (x *exchange) unzip(sent []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(sent))
	if err != nil {
		return nil, &unreadable{text: "the body is not gzip, as Content-Encoding says: " + err.Error()}
	}
	plain, err := readAll(z, x.mux.config.MaxBody, -1)
	if f, ok := errors.AsType[*Fault](err); ok && f.Shape == incomplete.Shape {
		return nil, &unreadable{text: f.Message}
	}
	return plain, err
}
