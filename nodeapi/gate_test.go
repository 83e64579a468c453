package nodeapi_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/errs"
	"slipway/nodeapi"
)

// leaving takes everybody for one node, until that has been removed.
type leaving struct {
	nodeapi.Admission
	removed atomic.Bool
}

func (l *leaving) Identify(context.Context, *x509.Certificate) (nodeapi.Peer, error) {
	if l.removed.Load() {
		return nodeapi.Peer{}, errs.New(errs.Denied, "no node any more")
	}
	return nodeapi.Peer{Node: "0123"}, nil
}

// shown is h for clients that show a certificate.
func shown(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}
		h.ServeHTTP(w, r)
	})
}

// What runs over a line of its own ends when its node is removed, as its session does.
func TestARemovedNodeLosesItsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		gate := &leaving{}
		client := dial(t, shown(nodeapi.NewHandler(&plane{t: t, stream: func(nodeapi.StreamRequest) (io.ReadWriteCloser, error) { return theirs, nil }}, gate)))
		line, err := client.Stream(t.Context(), nodeapi.StreamRequest{Node: "0123", ID: "x"})
		if err != nil {
			t.Fatal(err)
		}
		defer line.Close()
		begin := time.Now()
		time.Sleep(time.Minute)
		gate.removed.Store(true)
		if _, err := ours.Read(make([]byte, 1)); err == nil {
			t.Error("the stream goes on")
		}
		if after := time.Since(begin) - time.Minute; after > nodeapi.KeepAlive {
			t.Errorf("it ended after %v, want within a keep-alive period", after)
		}
	})
}

// A stranger who never ends what he says is not listened to for ever.
func TestASlowBodyIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: nodeapi.NewHandler(&plane{t: t}, nil)}
		go server.Serve(l)
		defer server.Close()
		conn, err := l.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begin := time.Now()
		go io.WriteString(conn, "POST /node/v1/join HTTP/1.1\r\nHost: plane\r\nContent-Length: 100\r\n\r\n{")
		said, _ := io.ReadAll(conn)
		if !strings.Contains(string(said), "malformed request") {
			t.Errorf("it is answered %q", said)
		}
		if waited := time.Since(begin); waited > time.Minute {
			t.Errorf("it was listened to for %v", waited)
		}
	})
}

// Nobody but nodes gets by.
func TestTheGuard(t *testing.T) {
	gate := &leaving{}
	guarded := nodeapi.Guard(gate, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	answer := func(h http.Handler) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://plane/", nil))
		return w.Code
	}
	if got := answer(guarded); got != http.StatusForbidden {
		t.Errorf("who shows no certificate is answered %d", got)
	}
	if got := answer(shown(guarded)); got != http.StatusTeapot {
		t.Errorf("a node is answered %d", got)
	}
	gate.removed.Store(true)
	if got := answer(shown(guarded)); got != http.StatusForbidden {
		t.Errorf("a removed node is answered %d", got)
	}
}
