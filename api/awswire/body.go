package awswire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"sync"
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

// readBody reads the body as it was sent, has it verified, and returns it without its content
// encoding. The string is a copy of its own, so that decoded values may alias it.
func (x *exchange) readBody(verify func(sent []byte) error) (string, error) {
	p := buffers.Get().(*[]byte)
	sent, err := readAll((*p)[:0], x.r.Body, x.mux.config.MaxBody, x.r.ContentLength)
	defer func() { giveBack(p, sent) }()
	if err != nil {
		return "", err
	}
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

// readAll reads a body of at most limit bytes, which says that it has length, or -1.
func readAll(into []byte, body io.Reader, limit, length int64) ([]byte, error) {
	b := bytes.NewBuffer(into)
	if length > 0 && length <= limit {
		b.Grow(int(length) + bytes.MinRead)
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
