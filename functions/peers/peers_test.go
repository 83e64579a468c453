package peers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway/functions"
	"slipway/functions/home"
	"slipway/nodeapi"
	"slipway/store/storetest"
)

// room answers what a test says.
type room struct {
	call     func(context.Context, functions.Passed, nodeapi.AnswerWriter, func(string, string)) (functions.Answer, error)
	retire   func(account, function, release string) error
	progress func(functions.Ref, functions.Provisioned) (functions.Provisioned, error)
}

func (r *room) CallHere(ctx context.Context, p functions.Passed, w nodeapi.AnswerWriter, began func(version, release string)) (functions.Answer, error) {
	return r.call(ctx, p, w, began)
}

func (r *room) RetireHere(account, function, release string) error {
	return r.retire(account, function, release)
}

func (r *room) ProgressHere(_ context.Context, f functions.Ref, one functions.Provisioned) (functions.Provisioned, error) {
	return r.progress(f, one)
}

// link is a server that serves a room, as another one reaches it.
type link struct {
	*Client
	at     *home.Home
	server *httptest.Server
}

const account = "111122223333"

func newLink(t testing.TB, r *room) *link {
	t.Helper()
	s := httptest.NewUnstartedServer(NewHandler(r))
	Protocols(s.Config)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c := NewClient(func(string) *tls.Config { return &tls.Config{RootCAs: pool, ServerName: "example.com"} })
	t.Cleanup(c.Close)
	return &link{c, elsewhere(t, s.Listener.Addr().String()), s}
}

// elsewhere is the home of an account at another server's address.
func elsewhere(t testing.TB, address string) *home.Home {
	t.Helper()
	db := storetest.SQLite(t)
	find := func(id, address string) *home.Home {
		h, err := home.New(t.Context(), db, home.Config{Server: id, Address: address, Life: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		at, err := h.Find(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	find("there", address)
	return find("here", "nowhere")
}

var passed = functions.Passed{
	Ref: functions.Ref{Account: account, Name: "f", Qualifier: "live"}, Function: "id", Number: 7, Payload: []byte(`"ahoy"`), Request: "r-1",
	ClientContext: "e30=", TraceID: "Root=1", Tail: true, Kept: true,
}

func TestACallAndItsAnswer(t *testing.T) {
	want := functions.Answer{
		Request: "r-1", Payload: []byte(`{"errorType":"E"}`), ContentType: "application/json", Failed: functions.Unhandled,
		Error:   &nodeapi.FunctionError{Type: "E", Message: "m", Payload: []byte(`{"errorType":"E"}`)},
		Version: "3", Release: "r-3", Tail: []byte("END"), Duration: time.Second,
	}
	var got functions.Passed
	l := newLink(t, &room{call: func(_ context.Context, p functions.Passed, w nodeapi.AnswerWriter, _ func(string, string)) (functions.Answer, error) {
		if got = p; w != nil {
			t.Error("the answer is to be streamed")
		}
		return want, nil
	}})
	answer, err := l.Invoke(t.Context(), l.at, passed, nil, nil)
	if err != nil || !reflect.DeepEqual(answer, want) {
		t.Errorf("answered %+v, %v", answer, err)
	}
	if !reflect.DeepEqual(got, passed) {
		t.Errorf("passed on was %+v", got)
	}
	large := passed
	large.Payload = bytes.Repeat([]byte("x"), functions.MaxPayload)
	want.Error, want.Payload = nil, large.Payload
	if answer, err = l.Invoke(t.Context(), l.at, large, nil, nil); err != nil || !bytes.Equal(answer.Payload, large.Payload) {
		t.Errorf("of %d bytes came %d, %v", len(large.Payload), len(answer.Payload), err)
	}
}

// stream takes an answer as it comes.
type stream struct{ came chan string }

func (s stream) Head(contentType string) error {
	s.came <- contentType
	return nil
}

func (s stream) Write(p []byte) (int, error) {
	s.came <- string(p)
	return len(p), nil
}

func TestAnAnswerComesAsItIsWritten(t *testing.T) {
	next := make(chan struct{})
	l := newLink(t, &room{call: func(_ context.Context, _ functions.Passed, w nodeapi.AnswerWriter, began func(string, string)) (functions.Answer, error) {
		began("4", "r-4")
		w.Head("text/plain")
		<-next
		w.Write([]byte("one"))
		<-next
		return functions.Answer{Version: "4"}, nil
	}})
	s := stream{make(chan string)}
	p := passed
	p.Streamed = true
	began := make(chan string, 1)
	over := make(chan error)
	go func() {
		a, err := l.Invoke(t.Context(), l.at, p, s, func(version, release string) { began <- version + " " + release })
		if a.Version != "4" {
			t.Errorf("answered %+v", a)
		}
		over <- err
	}()
	for _, want := range []string{"text/plain", "one"} {
		if got := <-s.came; got != want {
			t.Errorf("%q came, want %q", got, want)
		}
		next <- struct{}{}
	}
	if err := <-over; err != nil || <-began != "4 r-4" {
		t.Error(err)
	}
}

// Why a call was not made is the same at either end.
func TestErrorsKeepTheirCause(t *testing.T) {
	var failure error
	l := newLink(t, &room{call: func(context.Context, functions.Passed, nodeapi.AnswerWriter, func(string, string)) (functions.Answer, error) {
		return functions.Answer{}, failure
	}})
	for _, c := range causes {
		failure = c.cause
		if _, err := l.Invoke(t.Context(), l.at, passed, nil, nil); !errors.Is(err, c.cause) || err.Error() != c.cause.Error() {
			t.Errorf("%v came as %v", c.cause, err)
		}
	}
	failure = &functions.Throttle{Reason: functions.ReasonReserved, RetryAfter: 3}
	_, err := l.Invoke(t.Context(), l.at, passed, nil, nil)
	if throttle, is := errors.AsType[*functions.Throttle](err); !is || *throttle != (functions.Throttle{Reason: functions.ReasonReserved, RetryAfter: 3}) {
		t.Errorf("it came as %v", err)
	}
}

// A call that was not sent can be made elsewhere; of one that was nobody knows.
func TestALineThatFails(t *testing.T) {
	l := newLink(t, &room{call: func(context.Context, functions.Passed, nodeapi.AnswerWriter, func(string, string)) (functions.Answer, error) {
		panic(http.ErrAbortHandler)
	}})
	if _, err := l.Invoke(t.Context(), l.at, passed, nil, nil); !errors.Is(err, functions.ErrLost) || errors.Is(err, functions.ErrMoved) {
		t.Errorf("a line that was cut in the middle: %v", err)
	}
	l.server.Close()
	_, err := l.Invoke(t.Context(), l.at, passed, nil, nil)
	for errors.Is(err, functions.ErrLost) { // it was sent over a line of which nobody knew yet that it is dead
		_, err = l.Invoke(t.Context(), l.at, passed, nil, nil)
	}
	if !errors.Is(err, functions.ErrMoved) {
		t.Errorf("a server that is not there: %v", err)
	}
	if err := l.Retire(t.Context(), l.at, account, "f", ""); !errors.Is(err, functions.ErrNoRunner) {
		t.Errorf("a server that is not there: %v", err)
	}
}

func TestWhatElseIsAsked(t *testing.T) {
	var said []string
	l := newLink(t, &room{
		retire: func(account, function, release string) error {
			said = append(said, account, function, release)
			return nil
		},
		progress: func(r functions.Ref, one functions.Provisioned) (functions.Provisioned, error) {
			said = append(said, r.Name)
			one.Ready = 2
			return one, nil
		},
	})
	if err := l.Retire(t.Context(), l.at, account, "f", "r"); err != nil {
		t.Error(err)
	}
	one, err := l.Progress(t.Context(), l.at, functions.Ref{Account: account, Name: "g"}, functions.Provisioned{Requested: 3})
	if err != nil || one.Ready != 2 || one.Requested != 3 || strings.Join(said, " ") != account+" f r g" {
		t.Errorf("%+v, %v, %v", one, err, said)
	}
}

// BenchmarkInvoke is what it takes more to have a call made by another server: both ends of it, and TLS.
func BenchmarkInvoke(b *testing.B) {
	r := &room{call: func(_ context.Context, p functions.Passed, _ nodeapi.AnswerWriter, _ func(string, string)) (functions.Answer, error) {
		return functions.Answer{Request: p.Request, Payload: p.Payload, Version: "$LATEST", Release: "r"}, nil
	}}
	l := newLink(b, r)
	var before, after syscall.Rusage
	b.ReportAllocs()
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		if _, err := l.Invoke(b.Context(), l.at, passed, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(b.N)/1000, "cpu-us/op")
}

// FuzzAnswer: whatever another server sends, an answer is one that ended, or it is an error.
func FuzzAnswer(f *testing.F) {
	end, err := appendJSON(appendFrame(nil, frameBytes, []byte("ahoy")), frameEnd, ended{Version: "1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(end)
	f.Add([]byte{frameBytes, 255, 255, 255, 255})
	f.Add(appendFrame(nil, frameFails, []byte(`{"cause":"lost"}`)))
	f.Fuzz(func(t *testing.T, sent []byte) {
		a, err := readAnswer(bufio.NewReader(bytes.NewReader(sent)), nil, nil)
		if err == nil && (len(a.Payload) > len(sent) || !bytes.Contains(sent, []byte{frameEnd})) {
			t.Errorf("answered %+v", a)
		}
	})
}
