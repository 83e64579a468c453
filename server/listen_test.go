package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serving is a handler on its way through serve.
type serving struct {
	t       *testing.T
	address string
	stop    context.CancelFunc
	ended   chan error
}

func startServing(t *testing.T, h http.Handler, drain time.Duration) *serving {
	t.Helper()
	return startServingWhile(t, h, drain, func() bool { return false })
}

func startServingWhile(t *testing.T, h http.Handler, drain time.Duration, calls func() bool) *serving {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &serving{t, l.Addr().String(), stop, make(chan error, 1)}
	go func() { s.ended <- serveWhile(ctx, newHTTPServer(h), l, drain, calls) }()
	t.Cleanup(stop)
	return s
}

// get sends one request and tells what became of it.
func (s *serving) get() <-chan string {
	said := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + s.address)
		if err != nil {
			said <- "cut"
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		said <- fmt.Sprintf("%d %s", resp.StatusCode, text)
	}()
	return said
}

func TestStopLetsRequestsInFlightEnd(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	s := startServing(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- true
		<-release
		fmt.Fprint(w, "done")
	}), time.Hour)
	said := s.get()
	<-arrived
	s.stop()
	for { // until the listener is closed
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-s.ended:
		t.Fatalf("serve ended under a request: %v", err)
	default:
	}
	close(release)
	if got := <-said; got != "200 done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	arrived := make(chan bool)
	s := startServing(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-r.Context().Done()
	}), time.Nanosecond)
	said := s.get()
	<-arrived
	s.stop()
	if got := <-said; got != "cut" {
		t.Errorf("the request got %q", got)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// Requests have more time while calls of functions are under way.
func TestStopLetsCallsEnd(t *testing.T) {
	arrived, release, asked := make(chan bool), make(chan bool), make(chan bool, 1)
	s := startServingWhile(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- true
		select {
		case <-release:
			fmt.Fprint(w, "done")
		case <-r.Context().Done():
		}
	}), time.Nanosecond, func() bool {
		select {
		case asked <- true:
		default:
		}
		return true
	})
	said := s.get()
	<-arrived
	s.stop()
	<-asked
	<-asked
	close(release)
	if got := <-said; got != "200 done" {
		t.Errorf("the request got %q", got)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// A session of a node would hold up a stop for as long as it is waited for: it ends at once.
func TestStopEndsSessions(t *testing.T) {
	arrived := make(chan bool)
	ctx, stop := context.WithCancel(t.Context())
	s := startServing(t, endWith(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-r.Context().Done()
		fmt.Fprint(w, "bye")
	})), time.Hour)
	said := s.get()
	<-arrived
	stop()
	s.stop()
	if got := <-said; got != "200 bye" {
		t.Errorf("the session got %q", got)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestAdminListener(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().(*net.TCPAddr)
	before := &net.TCPAddr{Port: address.Port - 1}

	if l, err := listenAdmin(t.Context(), "off", before); l != nil || err != nil {
		t.Errorf("off: %v, %v", l, err)
	}
	if l, err := listenAdmin(t.Context(), "", before); l != nil || err != nil {
		t.Errorf("nobody asked for a port that is in use: %v, %v", l, err)
	}
	if _, err := listenAdmin(t.Context(), address.String(), before); err == nil || !strings.Contains(err.Error(), address.String()) {
		t.Errorf("somebody asked for a port that is in use: %v", err)
	}
	l, err := listenAdmin(t.Context(), "127.0.0.1:0", before)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{
		"0.0.0.0:4600":   "127.0.0.1:4600",
		"[::]:4600":      "127.0.0.1:4600",
		"127.0.0.1:4600": "127.0.0.1:4600",
		"192.0.2.7:80":   "192.0.2.7:80",
		"[::1]:4600":     "[::1]:4600",
	} {
		a, err := net.ResolveTCPAddr("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := reachable(a); got != want {
			t.Errorf("%s is reached at %s, want %s", listen, got, want)
		}
	}
}
