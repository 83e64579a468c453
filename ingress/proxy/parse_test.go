package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

var plainAsks = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /a%2Fb?x=%20 HTTP/1.1\r\nHost: shop.example:80\r\nX-Empty:\r\nContent-Length: 4\r\nConnection: keep-alive\r\nX-Forwarded-For: 198.51.100.9\r\n\r\nbodyGET",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
	"GET / HTTP/1.1\r\nHost: a\r\nX-Folded: a\r\n b\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX-Next: b\nX-Last: c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX-Name : b\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

// FuzzAsk holds what is understood of a request against net/http: they agree on all of it, what is passed on is
// understood in the same way again, and no part of a request is taken for all of it.
func FuzzAsk(f *testing.F) {
	for _, text := range plainAsks {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a ask
		if a.read(b) != whole {
			return
		}
		under := bytes.NewReader(b)
		r := bufio.NewReaderSize(under, 16)
		q, err := http.ReadRequest(r)
		if err != nil {
			t.Fatalf("net/http does not understand it: %v", err)
		}
		body, err := io.ReadAll(q.Body)
		if err != nil || len(body) != max(a.length, 0) || !bytes.Equal(body, b[a.head:a.size()]) {
			t.Fatalf("the body is %q, %v", body, err)
		}
		if left := under.Len() + r.Buffered(); left != len(b)-a.size() {
			t.Fatalf("net/http leaves %d bytes of %d", left, len(b))
		}
		if q.Method != a.method || q.Host != string(a.host) || q.ProtoMinor != 1 || q.ProtoMajor != 1 || q.Close || len(q.TransferEncoding) > 0 {
			t.Fatalf("net/http understands %+v", q)
		}
		sameKept(t, a.kept, q)
		if n := bytes.Count(a.kept, []byte("\r\n")); n != bytes.Count(a.kept, []byte("\n")) || n != bytes.Count(a.kept, []byte("\r")) {
			t.Fatalf("its lines end in more than one way: %q", a.kept)
		}
		for n := range a.size() {
			if new(ask).read(b[:n]) == whole {
				t.Fatalf("%d bytes of %d are taken for all", n, a.size())
			}
		}
	})
}

// sameKept compares what is passed on with what net/http understood.
func sameKept(t *testing.T, kept []byte, q *http.Request) {
	again, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(kept), strings.NewReader("\r\n"))))
	if err != nil || again.RequestURI != q.RequestURI || again.Host != q.Host {
		t.Fatalf("what is passed on is %q, %v", kept, err)
	}
	for name, values := range q.Header {
		if own := ownHeader(name); own == (again.Header[name] != nil) && len(values) > 0 || !own && strings.Join(values, "\n") != strings.Join(again.Header[name], "\n") {
			t.Fatalf("%s is passed on as %q", name, again.Header[name])
		}
	}
	if len(again.TransferEncoding) > 0 || again.ContentLength > 0 {
		t.Fatalf("a length is passed on: %q", kept)
	}
}

// FuzzTold holds what is understood of an answer against net/http.
func FuzzTold(f *testing.F) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: d\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nbodyHTTP",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a told
		if a.read(b) != whole {
			return
		}
		under := bytes.NewReader(b)
		r := bufio.NewReaderSize(under, 16)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("net/http does not understand it: %v", err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || !bytes.Equal(body, a.body) || res.StatusCode != a.status || res.Close || len(res.TransferEncoding) > 0 {
			t.Fatalf("net/http understands %+v with %q, %v", res, body, err)
		}
		if left := under.Len() + r.Buffered(); left != len(b)-a.size {
			t.Fatalf("net/http leaves %d bytes of %d", left, len(b))
		}
		again, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(a.kept), strings.NewReader("\r\n"))), nil)
		if err != nil || again.StatusCode != a.status || again.ContentLength != int64(max(a.length, 0)) && res.ContentLength != again.ContentLength {
			t.Fatalf("what is passed on is %q, %v", a.kept, err)
		}
		for n := range a.size {
			if new(told).read(b[:n]) == whole {
				t.Fatalf("%d bytes of %d are taken for all", n, a.size)
			}
		}
	})
}

func BenchmarkAsk(b *testing.B) {
	text := []byte("GET /1KiB HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk\r\nAccept: */*\r\nCookie: session=0123456789abcdef\r\n\r\n")
	var a ask
	b.ReportAllocs()
	for b.Loop() {
		if a.read(text) != whole {
			b.Fatal("it is not plain")
		}
	}
}
