package proxy

import (
	"bufio"
	"bytes"
	"net/http"
)

// reading is what the fast way makes of bytes.
type reading int

const (
	unusual reading = iota // net/http is to read it
	more                   // a part of something plain
	whole                  // a message, and maybe some of the next one
)

// ask is a plain request. Its slices are those of the bytes it was read from.
type ask struct {
	kept         []byte // the lines that the target gets as they are, without the empty one
	method       string
	host         []byte
	from, traced []byte // X-Forwarded-For and X-Amzn-Trace-Id; nil: not given
	length       int    // of the body; -1: not given
	head         int    // how many bytes the head has, with its empty line
}

// size is how many bytes the request has.
func (a *ask) size() int { return a.head + max(a.length, 0) }

// request is the request as rules look at it.
func (a *ask) request(b []byte) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReaderSize(bytes.NewReader(b[:a.head]), a.head))
}

// message is what a head is read into. What it is told is to be plain, or it says no.
type message interface {
	begin(line []byte) bool // with its end
	readField(f field) bool
	end(b, left []byte) reading // of all that there is, what comes after the head
}

// readHead reads the head of a message, line by line.
func readHead(b []byte, m message) reading {
	line, rest, found := cutLine(b)
	if !found {
		return unfinished(b)
	}
	if !m.begin(line) {
		return unusual
	}
	for {
		f, left, v := cutField(rest)
		switch {
		case v != whole:
			return v
		case f.name == nil:
			return m.end(b, left)
		case !m.readField(f):
			return unusual
		}
		rest = left
	}
}

// methods are those of plain requests.
var methods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}

// read understands a request, strictly: what two readers could understand in two ways is not plain, nor is what is
// seldom asked.
func (a *ask) read(b []byte) reading { return readHead(b, a) }

func (a *ask) begin(line []byte) bool {
	*a = ask{kept: append(a.kept[:0], line...), length: -1}
	return a.readFirst(line[:len(line)-2])
}

func (a *ask) end(b, left []byte) reading {
	a.head = len(b) - len(left)
	switch {
	case a.host == nil:
		return unusual
	case a.length > len(left):
		return more
	}
	return whole
}

func (a *ask) readFirst(line []byte) bool {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	path, proto, _ := bytes.Cut(rest, []byte(" "))
	for _, m := range methods {
		if string(method) == m {
			a.method = m
		}
	}
	return a.method != "" && string(proto) == "HTTP/1.1" && plainPath(path)
}

// plainPath tells whether an address is a path with nothing in it that needs judgement.
func plainPath(path []byte) bool {
	if len(path) == 0 || path[0] != '/' || len(path) > 1 && path[1] == '/' {
		return false
	}
	for i, c := range path {
		if c <= ' ' || c >= 0x7f || c == '#' || c == '%' && (i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2])) {
			return false
		}
	}
	return true
}

func (a *ask) readField(f field) bool {
	switch {
	case f.is("host"):
		if a.host != nil || !plainHost(f.value) {
			return false
		}
		a.host = f.value
	case f.is("content-length"):
		n, ok := number(f.value)
		if a.length >= 0 || !ok {
			return false
		}
		a.length = n
		return true
	case f.is("connection"):
		return bytes.EqualFold(f.value, []byte("keep-alive"))
	case f.is("x-forwarded-for"):
		return once(&a.from, f.value)
	case f.is("x-amzn-trace-id"):
		return once(&a.traced, f.value)
	case f.is("x-forwarded-proto"), f.is("x-forwarded-port"):
		return true
	case f.is("transfer-encoding"), f.is("expect"), f.is("upgrade"), f.is("te"), f.is("trailer"), f.is("keep-alive"), f.is("proxy-connection"),
		f.is("http2-settings"), f.is("pragma"):
		return false
	}
	a.kept = append(a.kept, f.line...)
	return true
}

func once(to *[]byte, value []byte) bool {
	first := *to == nil && len(value) > 0
	*to = value
	return first
}

func plainHost(host []byte) bool {
	for _, c := range host {
		if !isAlnum(c) && c != '.' && c != '-' && c != ':' && c != '_' {
			return false
		}
	}
	return len(host) > 0
}

// told is a plain answer with its body.
type told struct {
	kept   []byte // the lines that the client gets as they are, without the empty one
	body   []byte
	status int
	length int  // that is given; -1: none
	size   int  // how many bytes the answer has
	dated  bool // it has a Date
}

// read understands an answer that is there with all of its body, as strictly as a request.
func (t *told) read(b []byte) reading { return readHead(b, t) }

func (t *told) begin(line []byte) bool {
	*t = told{kept: append(t.kept[:0], line...), length: -1}
	return t.readFirst(line[:len(line)-2])
}

func (t *told) end(b, left []byte) reading {
	bodiless := t.status == 204 || t.status == 304
	switch {
	case bodiless != (t.length < 0):
		return unusual
	case t.length > len(left):
		return more
	}
	t.body = left[:max(t.length, 0)]
	t.size = len(b) - len(left) + len(t.body)
	return whole
}

// readFirst reads "HTTP/1.1 200 OK".
func (t *told) readFirst(line []byte) bool {
	rest, is := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !is || len(rest) < 4 || rest[3] != ' ' || !visible(rest) {
		return false
	}
	status, ok := number(rest[:3])
	t.status = status
	return ok && status >= 200 && status != 205 && status < 600
}

func (t *told) readField(f field) bool {
	switch {
	case f.is("content-length"):
		n, ok := number(f.value)
		if t.length >= 0 || !ok {
			return false
		}
		t.length = n
	case f.is("date"):
		t.dated = true
	case f.is("connection"):
		return bytes.EqualFold(f.value, []byte("keep-alive"))
	case f.is("keep-alive"):
		return true
	case f.is("transfer-encoding"), f.is("trailer"), f.is("upgrade"), f.is("proxy-connection"), f.is("te"):
		return false
	}
	t.kept = append(t.kept, f.line...)
	return true
}

// field is a header, and the line it stands on.
type field struct{ name, value, line []byte }

// is compares the name with one in small letters.
func (f field) is(name string) bool {
	if len(f.name) != len(name) {
		return false
	}
	for i, c := range f.name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// cutField cuts off a header, or the empty line behind the last one: then the name is nil.
func cutField(b []byte) (f field, rest []byte, v reading) {
	line, rest, found := cutLine(b)
	if !found {
		return f, nil, unfinished(b)
	}
	if len(line) == 2 {
		return f, rest, whole
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !token(line[:colon]) {
		return f, nil, unusual
	}
	f = field{line[:colon], bytes.Trim(line[colon+1:len(line)-2], " \t"), line}
	if !visible(f.value) {
		return f, nil, unusual
	}
	return f, rest, whole
}

// cutLine cuts off a line with its CR and LF. A line that ends otherwise is not found.
func cutLine(b []byte) (line, rest []byte, found bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 || b[i-1] != '\r' {
		return nil, nil, false
	}
	return b[:i+1], b[i+1:], true
}

// unfinished judges what has no line.
func unfinished(b []byte) reading {
	if bytes.IndexByte(b, '\n') >= 0 {
		return unusual
	}
	return more
}

func visible(b []byte) bool {
	for _, c := range b {
		if (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

func token(b []byte) bool {
	for _, c := range b {
		if !isAlnum(c) && bytes.IndexByte([]byte("-_!#$%&'*+.^`|~"), c) < 0 {
			return false
		}
	}
	return true
}

// number reads a length as everybody writes it.
func number(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 9 || len(b) > 1 && b[0] == '0' {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
