package runtimeapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Bounds of what a process of the sandbox may send, in bytes. A head may hold the cause of an error for X-Ray, which
// AWS's runtimes send up to 1 MiB of.
const (
	maxHead     = 2 << 20
	maxDocument = 256 << 10
	maxKept     = 64 << 10 // of the buffer for long lines, from one request to the next
	maxDrained  = 64 << 20 // of a body that is of no use, before its connection is closed
)

var (
	errBadRequest = errors.New("bad request")
	errTooLarge   = errors.New("too large")
)

// request is one HTTP request. It is read by hand, since two are made for every call, and is the body's reader.
type request struct {
	r              *bufio.Reader
	long           []byte // a line that did not fit into the reader's buffer
	head           int    // bytes of the head so far
	method, path   []byte // of the line, until the next is read: kept in lineBuf
	lineBuf        []byte
	length         int64 // of the body; of a chunked one, what is left of the chunk
	chunked, ended bool
	inChunk        bool
	closes         bool
	awaits         bool // 100 Continue before it sends the body
	hasLength      bool

	contentType                                string
	errorType, errorBody                       string // headers, and trailers after the body
	extensionName, extensionID, extensionError string
	acceptsAccount                             bool
}

// read reads the head of the next request.
func (q *request) read() error {
	if cap(q.long) > maxKept {
		q.long = nil
	}
	*q = request{r: q.r, long: q.long[:0], lineBuf: q.lineBuf[:0]}
	line, err := q.line()
	if err != nil {
		return err
	}
	q.lineBuf = append(q.lineBuf, line...)
	if err := q.start(q.lineBuf); err != nil {
		return err
	}
	return q.headers()
}

// start takes the request line apart.
func (q *request) start(line []byte) error {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	path, proto, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(method) == 0 || len(path) == 0 || path[0] != '/' {
		return errBadRequest
	}
	switch string(proto) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		q.closes = true
	default:
		return errBadRequest
	}
	q.method, q.path = method, path
	return nil
}

// headers reads headers, or trailers, until the empty line.
func (q *request) headers() error {
	for {
		line, err := q.line()
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return errBadRequest
		}
		if err := q.header(name, bytes.TrimSpace(value)); err != nil {
			return err
		}
	}
	if q.chunked && q.hasLength {
		return errBadRequest
	}
	q.ended = q.ended || !q.chunked && q.length == 0
	return nil
}

// header keeps what is of use of one header.
func (q *request) header(name, value []byte) error {
	var kept *string
	switch {
	case is(name, "content-type"):
		kept = &q.contentType
	case is(name, "content-length"):
		return q.setLength(value)
	case is(name, "transfer-encoding"):
		if q.chunked = is(value, "chunked"); !q.chunked {
			return errBadRequest
		}
	case is(name, "connection"):
		q.closes = q.closes && !is(value, "keep-alive") || is(value, "close")
	case is(name, "expect"):
		q.awaits = is(value, "100-continue")
	case is(name, "lambda-runtime-function-error-type"):
		kept = &q.errorType
	case is(name, "lambda-runtime-function-error-body"):
		kept = &q.errorBody
	case is(name, "lambda-extension-name"):
		kept = &q.extensionName
	case is(name, "lambda-extension-identifier"):
		kept = &q.extensionID
	case is(name, "lambda-extension-function-error-type"):
		kept = &q.extensionError
	case is(name, "lambda-extension-accept-feature"):
		q.acceptsAccount = bytes.Contains(value, []byte("accountId"))
	}
	if kept != nil {
		*kept = string(value)
	}
	return nil
}

func (q *request) setLength(value []byte) error {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || q.hasLength && int64(n) != q.length || len(value) > 0 && value[0] == '+' {
		return errBadRequest
	}
	q.length, q.hasLength = int64(n), true
	return nil
}

// is compares a header's name or value with one in small letters.
func is(name []byte, small string) bool {
	if len(name) != len(small) {
		return false
	}
	for i := range name {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != small[i] {
			return false
		}
	}
	return true
}

// line reads one line, which is good until the next is read. All lines of a request together are bounded.
func (q *request) line() ([]byte, error) {
	q.long = q.long[:0]
	for {
		piece, err := q.r.ReadSlice('\n')
		if q.head += len(piece); q.head > maxHead {
			return nil, errTooLarge
		}
		if err == bufio.ErrBufferFull {
			q.long = append(q.long, piece...)
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(q.long) > 0 {
			q.long = append(q.long, piece...)
			piece = q.long
		}
		return bytes.TrimSuffix(piece[:len(piece)-1], []byte("\r")), nil
	}
}

// Read reads the body, and the trailers behind it.
func (q *request) Read(p []byte) (int, error) {
	if err := q.advance(); err != nil {
		return 0, err
	}
	if q.ended {
		return 0, io.EOF
	}
	n, err := q.r.Read(p[:min(int64(len(p)), q.length)])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	q.length -= int64(n)
	if !q.chunked && q.length == 0 {
		q.ended = true
	}
	return n, err
}

// advance makes length the number of bytes that can be read now; it ends the body when there are none.
func (q *request) advance() error {
	if q.ended || !q.chunked || q.length > 0 {
		return nil
	}
	if q.inChunk {
		if line, err := q.line(); err != nil || len(line) > 0 {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	q.head = 0
	line, err := q.line()
	if err != nil {
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	digits, _, _ := bytes.Cut(line, []byte(";"))
	size, err := strconv.ParseUint(string(bytes.TrimRight(digits, " \t")), 16, 63)
	if err != nil {
		return errBadRequest
	}
	q.length, q.inChunk = int64(size), true
	if size > 0 {
		return nil
	}
	q.ended = true
	return q.headers()
}

// all reads the whole body, of no more than max bytes; errTooLarge is more.
func (q *request) all(max int64) ([]byte, error) {
	var body []byte
	for {
		if err := q.advance(); err != nil {
			return nil, err
		}
		if q.ended {
			return body, nil
		}
		if int64(len(body))+q.length > max {
			return body, errTooLarge
		}
		// What was promised is made room for, but not much more than what has come: promises are cheap.
		if free := cap(body) - len(body); int64(free) < min(q.length, growth) {
			body = append(make([]byte, 0, len(body)*2+int(min(q.length, growth))), body...)
		}
		n, err := q.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil && err != io.EOF {
			return nil, err
		}
	}
}

// growth is how much room is made for a body at first.
const growth = 1 << 20

// drain reads what is left of the body, for as much as that is worth the while. It tells how many bytes there were.
func (q *request) drain() (int64, error) {
	var n int64
	buf := make([]byte, 32<<10)
	for n <= maxDrained {
		m, err := q.Read(buf)
		if n += int64(m); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
	return n, errTooLarge
}
