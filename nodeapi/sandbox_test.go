package nodeapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/nodeapi/sandboxtest"
)

// functionPlane is a control plane that takes nodes' sandboxes.
type functionPlane struct {
	plane
	sandboxes func(context.Context, string, nodeapi.SandboxHost) error
	code      func(nodeapi.CodeRequest) (io.ReadCloser, error)
	printed   func(string, []nodeapi.Printed) error
}

func (p *functionPlane) Sandboxes(ctx context.Context, node string, h nodeapi.SandboxHost) error {
	return p.sandboxes(ctx, node, h)
}

func (p *functionPlane) Code(_ context.Context, r nodeapi.CodeRequest) (io.ReadCloser, error) {
	return p.code(r)
}

func (p *functionPlane) Printed(_ context.Context, node string, printed []nodeapi.Printed) error {
	return p.printed(node, printed)
}

// lineTo is a line that a node has opened for its host, seen by the control plane.
type lineTo struct {
	nodeapi.SandboxHost
	cut   func()       // ends it at the node's side
	ended <-chan error // of Sandboxes at the node
	over  <-chan struct{}
}

// lineBy opens a line by a client of the handler.
func lineBy(t *testing.T, p *functionPlane, client *nodeapi.Client, h nodeapi.SandboxHost) lineTo {
	t.Helper()
	hosts, over, ended := make(chan nodeapi.SandboxHost, 1), make(chan struct{}), make(chan error, 1)
	p.sandboxes = func(ctx context.Context, node string, h nodeapi.SandboxHost) error {
		if node != "0123" {
			t.Errorf("it is of node %q", node)
		}
		hosts <- h
		<-ctx.Done()
		close(over)
		return ctx.Err()
	}
	ctx, cut := context.WithCancel(context.Background())
	go func() { ended <- client.Sandboxes(ctx, "0123", h) }()
	select {
	case host := <-hosts:
		t.Cleanup(func() { cut(); <-over })
		return lineTo{host, cut, ended, over}
	case err := <-ended:
		t.Fatal(err)
		panic("unreachable")
	}
}

func line(t *testing.T, h nodeapi.SandboxHost) lineTo {
	p := &functionPlane{plane: plane{t: t}}
	client := dial(t, shown(nodeapi.NewHandler(p, &leaving{})))
	return lineBy(t, p, client, h)
}

func TestSandboxesDirectly(t *testing.T) {
	sandboxtest.Run(t, func(_ *testing.T, h nodeapi.SandboxHost) nodeapi.SandboxHost { return h })
}

func TestSandboxesOverTheLine(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T, h nodeapi.SandboxHost) nodeapi.SandboxHost { return line(t, h) })
}

// A call that was under way when its line ended may have been made; one that comes after that has not.
func TestACallAndTheEndOfItsLine(t *testing.T) {
	begun := make(chan struct{})
	l := line(t, &sandboxtest.Host{T: t, OnInvoke: func(ctx context.Context, _ nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		close(begun)
		<-ctx.Done()
		return nodeapi.Outcome{}, ctx.Err()
	}})
	go func() {
		<-begun
		l.cut()
	}()
	_, err := l.Invoke(t.Context(), nodeapi.Invocation{Payload: []byte("{}")}, nil)
	if errs.KindOf(err) != errs.Unavailable || errors.Is(err, nodeapi.ErrNoSandbox) {
		t.Errorf("a call under way ended with %v", err)
	}
	<-l.over
	if _, err := l.Invoke(t.Context(), nodeapi.Invocation{}, nil); !errors.Is(err, nodeapi.ErrNoSandbox) {
		t.Errorf("a call after the end ended with %v", err)
	}
	if err := l.Start(t.Context(), nodeapi.Sandbox{}); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("a start after the end ended with %v", err)
	}
	if err := <-l.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("at the node it ended with %v", err)
	}
}

// A removed node loses its line, and all that is under way on it.
func TestARemovedNodeLosesItsSandboxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := &leaving{}
		p := &functionPlane{plane: plane{t: t}}
		client := dial(t, shown(nodeapi.NewHandler(p, gate)))
		l := lineBy(t, p, client, &sandboxtest.Host{T: t, OnInvoke: func(ctx context.Context, _ nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
			gate.removed.Store(true)
			<-ctx.Done()
			return nodeapi.Outcome{}, ctx.Err()
		}})
		time.Sleep(time.Hour) // nothing is said for long, and the line lives
		began := time.Now()
		if _, err := l.Invoke(t.Context(), nodeapi.Invocation{}, nil); errs.KindOf(err) != errs.Unavailable {
			t.Errorf("a call ended with %v", err)
		}
		if after := time.Since(began); after > nodeapi.KeepAlive {
			t.Errorf("it ended after %v, want within a keep-alive period", after)
		}
		if err := <-l.ended; errs.KindOf(err) != errs.Unavailable {
			t.Errorf("at the node it ended with %v", err)
		}
		<-l.over
	})
}

// Who is another node, or none, opens no line.
func TestALineIsOfItsOwnNode(t *testing.T) {
	p := &functionPlane{plane: plane{t: t}, sandboxes: func(context.Context, string, nodeapi.SandboxHost) error {
		t.Error("a line came")
		return nil
	}}
	client := dial(t, shown(nodeapi.NewHandler(p, &leaving{})))
	if err := client.Sandboxes(t.Context(), "4567", &sandboxtest.Host{T: t}); errs.KindOf(err) != errs.Denied {
		t.Errorf("another node is answered %v", err)
	}
	if err := client.Printed(t.Context(), "4567", nil); errs.KindOf(err) != errs.Denied {
		t.Errorf("what another node printed is answered %v", err)
	}
	if _, err := client.Code(t.Context(), nodeapi.CodeRequest{Node: "4567"}); errs.KindOf(err) != errs.Denied {
		t.Errorf("another node's code is answered %v", err)
	}
}

// A control plane that has no functions says so, and nothing else of it suffers.
func TestAPlaneWithoutFunctions(t *testing.T) {
	client := dial(t, shown(nodeapi.NewHandler(&plane{t: t}, &leaving{})))
	if err := client.Sandboxes(t.Context(), "0123", &sandboxtest.Host{T: t}); errs.KindOf(err) != errs.Unsupported {
		t.Errorf("it is answered %v", err)
	}
}

func TestCodeAndWhatWasPrinted(t *testing.T) {
	zip := bytes.Repeat([]byte("PK\x03\x04"), 1<<18)
	printed := []nodeapi.Printed{{Sandbox: "sb-1", Account: "123456789012", Log: nodeapi.Log{Group: "/aws/lambda/f", Stream: "s"}, Number: 3, Events: []nodeapi.Event{{Time: 1, Message: "<é>"}}}}
	missing := errs.New(errs.NotFound, "no such code")
	p := &functionPlane{plane: plane{t: t},
		code: func(r nodeapi.CodeRequest) (io.ReadCloser, error) {
			if r.Node != "0123" || r.Account != "123456789012" {
				t.Errorf("asked for %+v", r)
			}
			switch r.Digest {
			case "sha256:whole":
				return io.NopCloser(bytes.NewReader(zip)), nil
			case "sha256:cut":
				return io.NopCloser(io.MultiReader(bytes.NewReader(zip), broken{})), nil
			}
			return nil, missing
		},
		printed: func(node string, got []nodeapi.Printed) error {
			if node != "0123" || !reflect.DeepEqual(got, printed) {
				t.Errorf("%q printed %+v", node, got)
			}
			return missing
		},
	}
	client := dial(t, shown(nodeapi.NewHandler(p, &leaving{})))
	read := func(digest string) ([]byte, error) {
		body, err := client.Code(t.Context(), nodeapi.CodeRequest{Node: "0123", Account: "123456789012", Digest: digest})
		if err != nil {
			return nil, err
		}
		defer body.Close()
		return io.ReadAll(body)
	}
	if got, err := read("sha256:whole"); err != nil || !bytes.Equal(got, zip) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
	if _, err := read("sha256:cut"); err == nil {
		t.Error("what is not all came without an error")
	}
	if _, err := read("sha256:none"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("code that is not there: %v", err)
	}
	if err := client.Printed(t.Context(), "0123", printed); errs.KindOf(err) != errs.NotFound || !strings.Contains(err.Error(), "no such code") {
		t.Errorf("a refusal came as %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errs.New(errs.Unavailable, "the disk is gone") }

// freezer is a way that can go dead: what is sent goes nowhere and nobody is told.
type freezer struct {
	net.Conn
	dead chan struct{}
}

func (f freezer) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	select {
	case <-f.dead:
		if err == nil {
			return f.Read(p)
		}
	default:
	}
	return n, err
}

func (f freezer) Write(p []byte) (int, error) {
	select {
	case <-f.dead:
		return len(p), nil
	default:
		return f.Conn.Write(p)
	}
}

// A line that has gone dead without a word is given up by both ends, as soon as a session is.
func TestADeadLineIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &functionPlane{plane: plane{t: t}}
		l := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: shown(nodeapi.NewHandler(p, &leaving{}))}
		go server.Serve(l)
		defer server.Close()
		dead := make(chan struct{})
		transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := l.dial(ctx, network, addr)
			return freezer{conn, dead}, err
		}}
		ended := make(chan struct{})
		line := lineBy(t, p, nodeapi.NewClient("http://plane", transport), &sandboxtest.Host{T: t, OnInvoke: func(ctx context.Context, _ nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
			close(dead)
			<-ctx.Done()
			close(ended)
			return nodeapi.Outcome{}, ctx.Err()
		}})
		began := time.Now()
		if _, err := line.Invoke(t.Context(), nodeapi.Invocation{}, nil); errs.KindOf(err) != errs.Unavailable || errors.Is(err, nodeapi.ErrNoSandbox) {
			t.Errorf("a call ended with %v", err)
		}
		<-line.over
		<-ended
		if err := <-line.ended; errs.KindOf(err) != errs.Unavailable {
			t.Errorf("at the node it ended with %v", err)
		}
		if after := time.Since(began); after > 4*nodeapi.KeepAlive {
			t.Errorf("it was given up after %v", after)
		}
	})
}

// BenchmarkInvoke measures what the line adds to a call.
func BenchmarkInvoke(b *testing.B) {
	host := &sandboxtest.Host{T: b, OnInvoke: func(_ context.Context, i nodeapi.Invocation, _ nodeapi.AnswerWriter) (nodeapi.Outcome, error) {
		return nodeapi.Outcome{Payload: i.Payload, Duration: time.Millisecond, MemoryPeak: 30 << 20}, nil
	}}
	hosts := make(chan nodeapi.SandboxHost, 1)
	p := &functionPlane{sandboxes: func(ctx context.Context, _ string, h nodeapi.SandboxHost) error {
		hosts <- h
		<-ctx.Done()
		return nil
	}}
	server := httptest.NewServer(shown(nodeapi.NewHandler(p, &leaving{})))
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- nodeapi.NewClient(server.URL, server.Client().Transport).Sandboxes(ctx, "0123", host) }()
	defer func() { cancel(); <-ended }()
	used := <-hosts
	call := nodeapi.Invocation{Sandbox: "sb-0123456789abcdef0123456789abcdef", Request: "a2b2a9d7-8b0f-4e1c-9a61-6f6fd6f0b0aa", ARN: "arn:aws:lambda:us-east-1:123456789012:function:f", Payload: []byte(`{"hello":"world"}`), Timeout: 3 * time.Second}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := used.Invoke(ctx, call, nil); err != nil {
				b.Error(err)
			}
		}
	})
}
