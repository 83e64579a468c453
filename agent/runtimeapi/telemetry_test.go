package runtimeapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// happening is an event as a subscriber reads it.
type happening struct {
	Time, Type string
	Record     json.RawMessage
}

// ear is a process of a sandbox that listens for telemetry, on ports 8080 (HTTP) and 9999 (TCP).
type ear struct {
	http, tcp *pipes
	got       chan []happening // a batch each
	slow      time.Duration
}

func newEar(t *testing.T) *ear {
	e := &ear{&pipes{make(chan net.Conn), make(chan struct{})}, &pipes{make(chan net.Conn), make(chan struct{})}, make(chan []happening, 1000), 0}
	server := &http.Server{Handler: e}
	go server.Serve(e.http)
	go e.lines()
	t.Cleanup(func() { server.Close(); e.tcp.Close() })
	return e
}

func (e *ear) dial(ctx context.Context, port int) (net.Conn, error) {
	switch port {
	case 8080:
		return e.http.dial(ctx, "", "")
	case 9999:
		return e.tcp.dial(ctx, "", "")
	}
	return nil, fmt.Errorf("connection refused")
}

func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(e.slow)
	var batch []happening
	text, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(text, &batch) != nil || r.Method != "POST" || r.URL.Path != "/events" {
		w.WriteHeader(500)
		return
	}
	e.got <- batch
}

func (e *ear) lines() {
	c, err := e.tcp.Accept()
	if err != nil {
		return
	}
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		var one happening
		if json.Unmarshal(lines.Bytes(), &one) == nil {
			e.got <- []happening{one}
		}
	}
}

const telemetryAPI = "/2022-07-01/telemetry"

func (m *member) subscribe(body string) answer {
	return m.do("PUT", telemetryAPI, body, "Lambda-Extension-Identifier", m.id, "Content-Type", "application/json")
}

// hears waits for the events of these types, in this order.
func (e *ear) hears(t *testing.T, kinds ...string) (all []happening) {
	t.Helper()
	for len(all) < len(kinds) {
		all = append(all, <-e.got...)
	}
	for i, kind := range kinds {
		if all[i].Type != kind {
			t.Errorf("event %d is %s, not %s", i, all[i].Type, kind)
		}
	}
	return all
}

// A sandbox that is always to be ready is told to be, wherever it is told why it was started.
func TestTelemetryOfAProvisionedSandbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar(t)
		s := newSandbox(t, Config{Name: "f", Version: "1", Dial: e.dial, InitType: ProvisionedConcurrency})
		m := s.extension("listener", `"INVOKE"`)
		if a := m.subscribe(`{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"timeoutMs":100},"destination":{"protocol":"TCP","port":9999}}`); a.status != 200 {
			t.Fatal(a)
		}
		s.waits("/2020-01-01/extension/event/next", "Lambda-Extension-Identifier", m.id)
		s.waits("/2018-06-01/runtime/invocation/next")
		if f, err := s.Ready(t.Context()); f != nil || err != nil {
			t.Fatal(f, err)
		}
		all := e.hears(t, "platform.telemetrySubscription", "platform.initStart", "platform.extension", "platform.initRuntimeDone", "platform.initReport")
		for _, i := range []int{1, 3, 4} {
			if !strings.HasPrefix(string(all[i].Record), `{"initializationType":"provisioned-concurrency","phase":"init",`) {
				t.Errorf("it is told %s", all[i].Record)
			}
		}
	})
}

func TestTelemetry(t *testing.T) {
	for protocol, destination := range map[string]string{
		"HTTP": `{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/events"}`,
		"TCP":  `{"protocol":"TCP","port":9999}`,
	} {
		t.Run(protocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEar(t)
				s := newSandbox(t, Config{Name: "f", Version: "$LATEST", Memory: 128, Dial: e.dial})
				m := s.extension("listener", `"INVOKE"`)
				s.Printed(FunctionLog, time.Now(), []byte("before it subscribed"))
				if a := m.subscribe(`{"schemaVersion":"2022-12-13","types":["platform","function","extension"],"buffering":{"timeoutMs":100},"destination":` + destination + `}`); a.status != 200 || a.body != `"OK"` {
					t.Fatal(a)
				}
				s.waits("/2020-01-01/extension/event/next", "Lambda-Extension-Identifier", m.id)
				go func() {
					id := s.next().header.Get("Lambda-Runtime-Aws-Request-Id")
					s.Printed(FunctionLog, time.Now(), []byte(`a "line"`))
					s.Printed(ExtensionLog, time.Now(), []byte("watched"))
					s.respond(id, "pong")
				}()
				if f, err := s.Ready(t.Context()); f != nil || err != nil {
					t.Fatal(f, err)
				}
				o, err := s.Invoke(t.Context(), invocation(1, "{}"), nil)
				if err != nil {
					t.Fatal(err)
				}
				s.Report(Report{Request: invocation(1, "").Request, Duration: 1500 * time.Microsecond, Billed: 2 * time.Millisecond, Init: time.Second, MemoryPeak: 50 << 20, Error: o.Error})
				all := e.hears(t, "function", "platform.telemetrySubscription", "platform.initStart", "platform.extension", "platform.initRuntimeDone", "platform.initReport",
					"platform.start", "function", "extension", "platform.runtimeDone", "platform.report")
				for i, want := range map[int]string{
					0:  `"before it subscribed"`,
					1:  `{"name":"listener","state":"Subscribed","types":["platform","function","extension"]}`,
					2:  `{"initializationType":"on-demand","phase":"init","functionName":"f","functionVersion":"$LATEST","instanceMaxMemory":134217728}`,
					3:  `{"events":["INVOKE"],"name":"listener","state":"Ready"}`,
					4:  `{"initializationType":"on-demand","phase":"init","status":"success"}`,
					6:  `{"requestId":"00000000-0000-4000-8000-000000000001","version":"$LATEST"}`,
					7:  `"a \"line\""`,
					8:  `"watched"`,
					9:  `{"requestId":"00000000-0000-4000-8000-000000000001","status":"success","metrics":{"durationMs":0,"producedBytes":4}}`,
					10: `{"requestId":"00000000-0000-4000-8000-000000000001","status":"success","metrics":{"billedDurationMs":2,"durationMs":1.5,"initDurationMs":1000,"maxMemoryUsedMB":50,"memorySizeMB":128}}`,
				} {
					if string(all[i].Record) != want {
						t.Errorf("event %d: %s, not %s", i, all[i].Record, want)
					}
				}
				if _, err := time.Parse(time.RFC3339, all[0].Time); err != nil || !strings.HasSuffix(all[0].Time, "Z") {
					t.Error(all[0].Time)
				}
				if a := m.subscribe(`{"schemaVersion":"2022-12-13","types":["platform"],"destination":` + destination + `}`); a.status != 403 {
					t.Errorf("after the init phase: %v", a)
				}
			})
		})
	}
}

// A subscriber that is slow costs bounded memory, and is told how much it missed.
func TestTelemetryIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar(t)
		e.slow = time.Second
		s := newSandbox(t, Config{Dial: e.dial})
		m := s.extension("listener", ``)
		m.subscribe(`{"schemaVersion":"2022-12-13","types":["function"],"buffering":{"maxItems":1000,"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox:8080/events"}}`)
		const lines = 20_000
		for n := range lines {
			s.Printed(FunctionLog, time.Now(), fmt.Append(nil, "line ", n))
		}
		heard, dropped := 0, 0
		for heard+dropped < lines {
			for _, one := range <-e.got {
				if one.Type != "platform.logsDropped" {
					heard++
					continue
				}
				var lost struct{ DroppedRecords, DroppedBytes int }
				if json.Unmarshal(one.Record, &lost) != nil || lost.DroppedBytes < lost.DroppedRecords {
					t.Errorf("%s", one.Record)
				}
				dropped += lost.DroppedRecords
			}
		}
		if heard+dropped != lines || heard > (queued+1)*1000 {
			t.Errorf("heard %d and told of %d dropped, of %d", heard, dropped, lines)
		}
	})
}

// What waits is sent when the sandbox is shut down.
func TestTelemetryIsSentAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar(t)
		s := newSandbox(t, Config{Dial: e.dial})
		m := s.extension("listener", ``)
		m.subscribe(`{"schemaVersion":"2022-12-13","types":["function"],"buffering":{"timeoutMs":30000},"destination":{"protocol":"HTTP","URI":"http://sandbox:8080/events"}}`)
		s.Printed(FunctionLog, time.Now(), []byte("the end"))
		synctest.Wait()
		began := time.Now()
		s.Shutdown(t.Context(), Spindown)
		if e.hears(t, "function"); time.Since(began) > shutdownInternal {
			t.Error("it came after", time.Since(began))
		}
	})
}

func TestSubscriptionsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{Dial: newEar(t).dial})
		m := s.extension("listener", ``)
		for body, want := range map[string]string{
			`{`:  "cannot parse the request body: unexpected end of JSON input",
			`{}`: "schemaVersion is not supported: ; types should not be empty; protocol should be HTTP or TCP",
			`{"schemaVersion":"2022-12-13","types":["secrets"],"destination":{"protocol":"TCP"}}`:                                                                                      "unknown type: secrets; port is not provided",
			`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain/x"}}`:                                               "URI port is not provided",
			`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://169.254.169.254:80/"}}`:                                                 "URI should begin with http://sandbox.localdomain",
			`{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"maxItems":1,"maxBytes":1,"timeoutMs":1},"destination":{"protocol":"HTTP","URI":"http://sandbox:8080/"}}`: "maxItems should be between 1000 and 10000; maxBytes should be between 262144 and 1048576; timeoutMs should be between 25 and 30000",
		} {
			a := m.subscribe(body)
			var got struct{ ErrorType, ErrorMessage string }
			if json.Unmarshal([]byte(a.body), &got); a.status != 400 || got.ErrorType != "ValidationError" || got.ErrorMessage != want {
				t.Errorf("%s: %v", body, a)
			}
		}
		if a := s.do("PUT", telemetryAPI, "{}"); a.status != 403 {
			t.Errorf("without an extension: %v", a)
		}
	})
}

// Nobody listens: what is lost is counted and told once somebody does, and there is no rush of attempts.
func TestTelemetryIsNotHeardAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEar(t)
		var hears atomic.Bool
		var tries atomic.Int64
		s := newSandbox(t, Config{Dial: func(ctx context.Context, port int) (net.Conn, error) {
			if tries.Add(1); !hears.Load() {
				return nil, fmt.Errorf("connection refused")
			}
			return e.dial(ctx, port)
		}})
		m := s.extension("listener", ``)
		m.subscribe(`{"schemaVersion":"2022-12-13","types":["function"],"buffering":{"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox:8080/events"}}`)
		for range 10 {
			s.Printed(FunctionLog, time.Now(), []byte("unheard"))
			time.Sleep(time.Second)
		}
		if tries.Load() != 10 {
			t.Error(tries.Load(), "attempts")
		}
		hears.Store(true)
		s.Printed(FunctionLog, time.Now(), []byte("heard"))
		if all := e.hears(t, "platform.logsDropped", "function"); !strings.Contains(string(all[0].Record), `"droppedRecords":10`) {
			t.Errorf("%s", all[0].Record)
		}
	})
}
