package runtimeapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/nodeapi"

	"pgregory.net/rapid"
)

// invoked is a call that is under way.
type invoked struct {
	outcome nodeapi.Outcome
	err     error
	done    chan struct{}
}

func (s *sandbox) invoke(i *nodeapi.Invocation, w nodeapi.AnswerWriter) *invoked {
	v := &invoked{done: make(chan struct{})}
	go func() {
		defer close(v.done)
		v.outcome, v.err = s.Invoke(s.t.Context(), i, w)
	}()
	return v
}

func TestRuntimeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		one := invocation(1, "payload")
		const wrongID = `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}` + "\n"
		path := "/2018-06-01/runtime/invocation/" + one.Request
		if a := s.respond(one.Request, ""); a.status != 400 || a.body != wrongID || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("before a call: %v", a)
		}
		v := s.invoke(one, nil)
		if a := s.next(); a.body != "payload" {
			t.Errorf("next: %v", a)
		}
		if a := s.respond("00000000-0000-4000-8000-000000000009", ""); a.status != 400 || a.body != wrongID {
			t.Errorf("another call's id: %v", a)
		}
		if a := s.do("POST", "/2018-06-01/runtime/init/error", "{}"); a.status != 403 || !strings.Contains(a.body, "State transition from Ready to InitError failed for runtime. Error: State transition is not allowed") {
			t.Errorf("init/error in a call: %v", a)
		}
		if a := s.next(); a.body != "payload" {
			t.Errorf("who asks again is given the same call again: %v", a)
		}
		s.respond(one.Request, "first")
		for _, how := range []string{"/response", "/error"} {
			if a := s.do("POST", path+how, "second"); a.status != 403 || !strings.Contains(a.body, `"errorType":"InvalidStateTransition"`) {
				t.Errorf("a second answer: %v", a)
			}
		}
		if <-v.done; string(v.outcome.Payload) != "first" {
			t.Errorf("%+v", v.outcome)
		}
		for _, c := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/", 404}, {"GET", "/2018-06-01/runtime/invocation/next/", 404}, {"POST", "/2018-06-01/runtime/invocation/next", 405},
			{"GET", path + "/response", 405}, {"GET", "/2018-06-01/ping", 200}, {"PUT", "/2020-08-15/logs", 202},
		} {
			if a := s.do(c.method, c.path, ""); a.status != c.status {
				t.Errorf("%s %s: %v", c.method, c.path, a)
			}
		}
	})
}

func TestInitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		const words = `{"errorMessage":"no such module","errorType":"Runtime.ImportModuleError","stackTrace":[]}`
		if a := s.do("POST", "/2018-06-01/runtime/init/error", words, "Lambda-Runtime-Function-Error-Type", "Runtime.ImportModuleError"); a.status != 202 {
			t.Fatal(a)
		}
		s.Exited(Exit{Code: 1})
		f, err := s.Ready(t.Context())
		if err != nil || f.Type != "Runtime.ImportModuleError" || f.Message != "no such module" || string(f.Payload) != words {
			t.Fatalf("%+v %v", f, err)
		}
		if a := s.next(); a.status != 403 || !strings.Contains(a.body, "State transition from InitError to Ready failed") {
			t.Error(a)
		}
	})
}

// A runtime that crashed in the middle of its answer has not answered; one whose connection broke may answer again.
func TestAnswerBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		v := s.invoke(invocation(1, ""), nil)
		s.next()
		raw, err := s.client.Transport.(*http.Transport).DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(raw, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf", invocation(1, "").Request)
		synctest.Wait()
		if a := s.next(); a.status != 403 {
			t.Errorf("next in the middle of an answer: %v", a)
		}
		raw.Close()
		synctest.Wait()
		if a := s.respond(invocation(1, "").Request, "whole"); a.status != 202 {
			t.Errorf("again: %v", a)
		}
		if <-v.done; string(v.outcome.Payload) != "whole" {
			t.Errorf("%+v %v", v.outcome, v.err)
		}
	})
}

// A call that is not waited for any more is over, and so is the sandbox; what is written later goes nowhere.
func TestCallIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			s.next()
			cancel()
		}()
		if _, err := s.Invoke(ctx, invocation(1, ""), nil); !errors.Is(err, context.Canceled) || errors.Is(err, ErrOver) {
			t.Error(err)
		}
		if err := s.Settled(t.Context()); err != ErrOver {
			t.Error(err)
		}
		if a := s.respond(invocation(1, "").Request, "late"); a.status == 0 {
			t.Error(a)
		}
	})
}

// A runtime that does not ask for the next call for as long as a call may take is of no use.
func TestRuntimeDoesNotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		began := time.Now()
		if _, err := s.Invoke(t.Context(), invocation(1, ""), nil); !errors.Is(err, ErrOver) || time.Since(began) != 3*time.Second {
			t.Error(err, time.Since(began))
		}
	})
}

// What waits for a call and goes away is not handed one.
func TestPollerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://sandbox/2018-06-01/runtime/invocation/next", nil)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if _, err := s.client.Do(r); err == nil {
				t.Error("it was answered")
			}
		}()
		if f, err := s.Ready(t.Context()); f != nil || err != nil {
			t.Fatal(f, err)
		}
		cancel()
		<-gone
		synctest.Wait()
		v := s.invoke(invocation(1, ""), nil)
		s.respond(s.next().header.Get("Lambda-Runtime-Aws-Request-Id"), "ok")
		if <-v.done; string(v.outcome.Payload) != "ok" {
			t.Errorf("%+v %v", v.outcome, v.err)
		}
	})
}

func TestManyAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{Concurrency: 4})
		a := s.do("POST", "/2020-01-01/extension/register", `{"events":["INVOKE"]}`, "Lambda-Extension-Name", "x")
		if a.status != 403 {
			t.Error(a)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					a := s.next()
					time.Sleep(time.Second)
					s.respond(a.header.Get("Lambda-Runtime-Aws-Request-Id"), a.body)
				}
			})
		}
		began := time.Now()
		for n := range 40 {
			wg.Go(func() {
				payload := fmt.Sprint("call ", n)
				i := invocation(n, payload)
				i.Timeout = time.Minute
				if o, err := s.Invoke(t.Context(), i, nil); err != nil || string(o.Payload) != payload {
					t.Errorf("%s %v", o.Payload, err)
				}
			})
		}
		wg.Wait()
		if time.Since(began) != 10*time.Second {
			t.Error("four at a time took", time.Since(began))
		}
	})
}

func TestAnswerIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		for n, streamed := range []bool{false, true} {
			i := invocation(n, "")
			i.MaxAnswer = 100
			var k kept
			var w nodeapi.AnswerWriter
			if streamed {
				w = &k
			}
			v := s.invoke(i, w)
			s.next()
			a := s.respond(i.Request, strings.Repeat("x", 101))
			if a.status != 413 || a.body != `{"errorMessage":"Exceeded maximum allowed payload size (100 bytes).","errorType":"RequestEntityTooLarge"}`+"\n" {
				t.Error(a)
			}
			<-v.done
			if v.err != nil || v.outcome.Error == nil || v.outcome.Over ||
				v.outcome.Error.Message != "Response payload size (101 bytes) exceeded maximum allowed payload size (100 bytes)." {
				t.Errorf("%+v %v", v.outcome.Error, v.err)
			}
		}
	})
}

// Whoever asks whether it may send is told so: curl does with larger bodies.
func TestExpectContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		v := s.invoke(invocation(1, ""), nil)
		s.next()
		raw, _ := s.client.Transport.(*http.Transport).DialContext(t.Context(), "", "")
		defer raw.Close()
		r := bufio.NewReader(raw)
		fmt.Fprintf(raw, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", invocation(1, "").Request)
		for range 2 {
			if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" && line != "\r\n" {
				t.Fatalf("%q %v", line, err)
			}
		}
		io.WriteString(raw, "ok")
		if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 202 Accepted\r\n" {
			t.Fatalf("%q %v", line, err)
		}
		if <-v.done; string(v.outcome.Payload) != "ok" {
			t.Errorf("%+v", v.outcome)
		}
	})
}

// Requests are read as net/http reads them, or refused.
func TestRequestsAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 100_000).Draw(t, "body")
		r, _ := http.NewRequest("POST", "http://sandbox/path", bytes.NewReader(body))
		r.Header.Set("Content-Type", strings.Repeat("a/", rapid.IntRange(0, 5000).Draw(t, "type")))
		if rapid.Bool().Draw(t, "chunked") {
			r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
			r.Body = io.NopCloser(struct{ io.Reader }{bytes.NewReader(body)})
			r.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": {"E"}}
		}
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			t.Fatal(err)
		}
		wire.WriteString("GET /second HTTP/1.1\r\n\r\n")
		q := request{r: bufio.NewReaderSize(&wire, 4096)}
		if err := q.read(); err != nil || string(q.method) != "POST" || string(q.path) != "/path" || q.contentType != strings.TrimSpace(r.Header.Get("Content-Type")) {
			t.Fatalf("%v %s %s %s", err, q.method, q.path, q.contentType)
		}
		got, err := q.all(1 << 20)
		if err != nil || !bytes.Equal(got, body) || r.Trailer != nil && q.errorType != "E" {
			t.Fatalf("%d bytes, not %d, %v", len(got), len(body), err)
		}
		if err := q.read(); err != nil || string(q.path) != "/second" {
			t.Fatal(err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST /2018-06-01/runtime/invocation/00000000-0000-4000-8000-000000000001/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nLambda-Runtime-Function-Error-Type: E\r\n\r\n"))
	f.Add([]byte("POST /2018-06-01/runtime/invocation/00000000-0000-4000-8000-000000000001/error HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"))
	f.Add([]byte("POST /2020-01-01/extension/register HTTP/1.1\nLambda-Extension-Name: e\nContent-Length: 21\n\n{\"events\":[\"INVOKE\"]}GET /2020-01-01/extension/event/next HTTP/1.1\r\n\r\n"))
	f.Add([]byte("PUT /2022-07-01/telemetry HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			c := newConn(s, &said{r: bytes.NewReader(wire)})
			s.mu.Lock()
			s.calls = append(s.calls, &call{Invocation: invocation(1, "payload"), max: 1000, done: make(chan struct{})})
			s.mu.Unlock()
			c.serve()
			s.Close()
			if len(s.pollers) > 0 || c.parked {
				t.Error("a connection that has ended waits")
			}
		})
	})
}

// said is a connection that said something and was closed.
type said struct {
	net.Conn
	r *bytes.Reader
}

func (s *said) Read(p []byte) (int, error)       { return s.r.Read(p) }
func (s *said) Write(p []byte) (int, error)      { return len(p), nil }
func (s *said) SetWriteDeadline(time.Time) error { return nil }
func (s *said) Close() error                     { return nil }

// leaving is a caller who goes away after the first piece.
type leaving struct{ kept }

func (l *leaving) Write(p []byte) (int, error) {
	l.kept.Write(p)
	return 0, errors.New("the caller has gone")
}

func TestStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{})
		path := "/2018-06-01/runtime/invocation/" + invocation(1, "").Request + "/response"

		// The function does not notice that its caller has gone.
		l := &leaving{}
		v := s.invoke(invocation(1, ""), l)
		s.next()
		body, w := io.Pipe()
		go func() {
			for range 3 {
				io.WriteString(w, "piece")
				synctest.Wait()
			}
			w.Close()
		}()
		r, _ := http.NewRequest("POST", "http://sandbox"+path, body)
		if a := s.send(r); a.status != 202 {
			t.Error(a)
		}
		if <-v.done; v.err != nil || v.outcome.Error != nil || v.outcome.Over || l.text.String() != "piece" {
			t.Errorf("%+v %v %q", v.outcome, v.err, l.text.String())
		}

		// A stream that breaks off is a failed call.
		var k kept
		v = s.invoke(invocation(1, ""), &k)
		s.next()
		raw, _ := s.client.Transport.(*http.Transport).DialContext(t.Context(), "", "")
		fmt.Fprintf(raw, "POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n", path)
		synctest.Wait()
		raw.Close()
		if <-v.done; v.err != nil || v.outcome.Error == nil || v.outcome.Error.Type != "Runtime.TruncatedResponse" || k.text.String() != "piece" {
			t.Errorf("%+v %v %q", v.outcome.Error, v.err, k.text.String())
		}
	})
}

// Whatever a runtime does, in whatever order, a call ends once, with its own answer or with an error.
func TestSessionKeepsItsWord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{
			"answer", "answer", "answer", "fail", "again", "wrong id", "twice", "late", "hang up", "large", "exit", "hang",
		}), 1, 12).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			s := newSandbox(t, Config{})
			over := false
			for n, step := range steps {
				i := invocation(n, fmt.Sprint("call ", n))
				i.MaxAnswer = 1000
				v := s.invoke(i, nil)
				if !over {
					s.play(step, i)
				}
				<-v.done
				switch {
				case over:
					if !errors.Is(v.err, ErrOver) {
						t.Errorf("%v, call %d after the end: %+v %v", steps, n, v.outcome, v.err)
					}
				case v.err != nil:
					t.Errorf("%v, call %d: %v", steps, n, v.err)
				case step == "fail" || step == "large" || step == "exit" || step == "hang":
					if v.outcome.Error == nil || v.outcome.Over != (step == "exit" || step == "hang") {
						t.Errorf("%v, call %d: %+v", steps, n, v.outcome)
					}
				case v.outcome.Error != nil || string(v.outcome.Payload) != fmt.Sprint("call ", n) || v.outcome.Over:
					t.Errorf("%v, call %d: %s %+v", steps, n, v.outcome.Payload, v.outcome.Error)
				}
				over = over || v.outcome.Over
			}
		})
	})
}

// play does what a runtime may do with a call.
func (s *sandbox) play(step string, i *nodeapi.Invocation) {
	got := s.next().body
	path := "/2018-06-01/runtime/invocation/" + i.Request
	switch step {
	case "fail":
		s.do("POST", path+"/error", "{}")
		return
	case "again":
		got = s.next().body
	case "wrong id":
		s.respond("00000000-0000-4000-8000-999999999999", "wrong")
	case "hang up":
		raw, _ := s.client.Transport.(*http.Transport).DialContext(s.t.Context(), "", "")
		fmt.Fprintf(raw, "POST %s/response HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf", path)
		synctest.Wait()
		raw.Close()
		synctest.Wait()
	case "large":
		s.respond(i.Request, strings.Repeat("x", 1001))
		return
	case "exit":
		s.Exited(Exit{Code: 1})
		return
	case "hang":
		return
	case "late":
		time.Sleep(2 * time.Second)
	}
	s.respond(i.Request, got)
	if step == "twice" {
		s.respond(i.Request, "twice")
	}
}
