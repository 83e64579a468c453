package proxy

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// visit is a request on its way through a listener.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	l       *listener
	ip      string // of the client
	port    string
	named   []string // headers that Connection names: they are for this line alone
	upgrade string   // the protocol that the client asks for; "": none
	begun   *begun   // what was sent already; nil: nothing
}

// ownHeader tells which headers of a request are not passed on as they are: those of the line to the client, and
// those that the proxy writes.
func ownHeader(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings", "Expect", "Content-Length",
		"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Amzn-Trace-Id", "Host":
		return true
	}
	return false
}

// lineHeader tells which headers of an answer are of the line to the target alone.
func lineHeader(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// namedBy are the headers that Connection says are for this line alone.
func namedBy(connection []string) (names []string) {
	for _, list := range connection {
		for name := range strings.SplitSeq(list, ",") {
			switch name = strings.TrimSpace(name); strings.ToLower(name) {
			case "", "close", "keep-alive", "upgrade":
			default:
				names = append(names, http.CanonicalHeaderKey(name))
			}
		}
	}
	return names
}

func (v *visit) passes(name string) bool {
	if ownHeader(name) {
		return false
	}
	for _, n := range v.named {
		if n == name {
			return false
		}
	}
	return true
}

// writeHead writes the head of the request as the target reads it.
func (v *visit) writeHead(w *bufio.Writer) {
	r := v.r
	w.WriteString(r.Method)
	w.WriteByte(' ')
	w.WriteString(asked(r))
	w.WriteString(" HTTP/1.1\r\n")
	writeField(w, "Host", r.Host)
	for name, values := range r.Header {
		if v.passes(name) {
			for _, value := range values {
				writeField(w, name, value)
			}
		}
	}
	v.added(func(name, value string) { writeField(w, name, value) })
	switch {
	case v.upgrade != "":
		writeField(w, "Connection", "Upgrade")
		writeField(w, "Upgrade", v.upgrade)
	case r.ContentLength > 0 || r.ContentLength == 0 && hasLength(r.Method):
		writeField(w, "Content-Length", strconv.FormatInt(r.ContentLength, 10))
	case r.ContentLength < 0:
		writeField(w, "Transfer-Encoding", "chunked")
	}
	w.WriteString("\r\n")
}

// hasLength tells whether a method has a body by its meaning, so that the length is told where there is none.
func hasLength(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// asked is what a request asks for, in the form that goes behind its method.
func asked(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") || r.RequestURI == "*" {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

func writeField(w *bufio.Writer, name, value string) {
	w.WriteString(name)
	w.WriteString(": ")
	w.WriteString(value)
	w.WriteString("\r\n")
}

// added are the headers that tell the target who asked, and how. Source: Application Load Balancers, "HTTP
// headers and Application Load Balancers".
func (v *visit) added(add func(name, value string)) {
	v.l.added(v.ip, v.port, v.r.Header["X-Forwarded-For"], v.r.Header["X-Amzn-Trace-Id"], add)
}

// added adds them to a request that came from a port of an address and had some already.
func (l *listener) added(ip, port string, given, trace []string, add func(name, value string)) {
	switch l.Forwarded {
	case "remove":
	case "preserve":
		for _, value := range given {
			add("X-Forwarded-For", value)
		}
	default:
		from := ip
		if l.ClientPort {
			from = net.JoinHostPort(ip, port)
		}
		if len(given) > 0 {
			from = strings.Join(given, ", ") + ", " + from
		}
		add("X-Forwarded-For", from)
	}
	add("X-Forwarded-Proto", "http")
	add("X-Forwarded-Port", l.port)
	add("X-Amzn-Trace-Id", traced(trace))
}

// traced is the trace of a request: a new root, or what the client named with a part of our own before it.
func traced(given []string) string {
	if len(given) == 0 || !strings.Contains(given[0], "Root=") {
		root := "Root=" + traceID()
		if len(given) > 0 && given[0] != "" {
			return root + ";" + given[0]
		}
		return root
	}
	kept := make([]string, 0, 4)
	for field := range strings.SplitSeq(given[0], ";") {
		if !strings.HasPrefix(strings.TrimSpace(field), "Self=") {
			kept = append(kept, field)
		}
	}
	return "Self=" + traceID() + ";" + strings.Join(kept, ";")
}

// traceID is the time in seconds and 96 random bits, in hexadecimal digits: 1-67891233-abcdef012345678912345678.
func traceID() string {
	var raw [16]byte
	binary.BigEndian.PutUint32(raw[:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint32(raw[4:], rand.Uint32())
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64())
	var text [35]byte
	text[0], text[1], text[10] = '1', '-', '-'
	hex.Encode(text[2:10], raw[:4])
	hex.Encode(text[11:], raw[4:])
	return string(text[:])
}
