package runtimeapi

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/nodeapi"
)

// pipes is a listener whose connections are pipes in memory, so that time in tests is a bubble's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return mine, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// sandbox is a session, and a client as its processes have one.
type sandbox struct {
	*Session
	t      *testing.T
	client *http.Client
}

func newSandbox(t *testing.T, c Config) *sandbox {
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	s := New(c)
	served := make(chan struct{})
	go func() { s.Serve(p); close(served) }()
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
		<-served
	})
	return &sandbox{Session: s, t: t, client: &http.Client{Transport: transport}}
}

// answer is what a request was answered.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *sandbox) do(method, path, body string, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://sandbox"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return s.send(r)
}

func (s *sandbox) send(r *http.Request) answer {
	s.t.Helper()
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return answer{header: http.Header{}}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// waits makes a request that is not answered before the session ends.
func (s *sandbox) waits(path string, header ...string) {
	r, _ := http.NewRequest("GET", "http://sandbox"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	go func() {
		if res, err := s.client.Do(r); err == nil {
			res.Body.Close()
		}
	}()
}

func (s *sandbox) next() answer { return s.do("GET", "/2018-06-01/runtime/invocation/next", "") }

func (s *sandbox) respond(id, body string) answer {
	return s.do("POST", "/2018-06-01/runtime/invocation/"+id+"/response", body)
}

func invocation(n int, payload string) *nodeapi.Invocation {
	return &nodeapi.Invocation{Request: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), ARN: "arn:aws:lambda:eu-west-1:123456789012:function:f",
		Payload: []byte(payload), Timeout: 3 * time.Second}
}

func TestCallAndAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := 1; n <= 3; n++ {
				a := s.next()
				id := a.header.Get("Lambda-Runtime-Aws-Request-Id")
				if a.status != 200 || a.body != fmt.Sprint("ping ", n) {
					t.Errorf("next: %v", a)
				}
				if got := s.respond(id, "pong "+fmt.Sprint(n)); got.status != 202 || got.body != `{"status":"OK"}`+"\n" {
					t.Errorf("response: %v", got)
				}
			}
		}()
		if f, err := s.Ready(t.Context()); f != nil || err != nil {
			t.Fatal(f, err)
		}
		for n := 1; n <= 3; n++ {
			o, err := s.Invoke(t.Context(), invocation(n, fmt.Sprint("ping ", n)), nil)
			if err != nil || o.Error != nil || string(o.Payload) != fmt.Sprint("pong ", n) {
				t.Fatal(o, err)
			}
		}
		<-done
	})
}
