package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// member is an extension of a sandbox.
type member struct {
	*sandbox
	name, id string
}

func (s *sandbox) extension(name, events string) *member {
	s.t.Helper()
	a := s.do("POST", "/2020-01-01/extension/register", `{"events":[`+events+`]}`, "Lambda-Extension-Name", name)
	if a.status != 200 {
		s.t.Errorf("register: %v", a)
	}
	return &member{s, name, a.header.Get("Lambda-Extension-Identifier")}
}

// event is what an extension is told.
type event struct {
	EventType, RequestID, InvokedFunctionArn, ShutdownReason string
	DeadlineMs                                               int64
	Tracing                                                  struct{ Type, Value string }
}

func (m *member) event() event {
	m.t.Helper()
	a := m.do("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", m.id)
	var e event
	if a.status != 200 || json.Unmarshal([]byte(a.body), &e) != nil {
		m.t.Errorf("event: %v", a)
	}
	return e
}

func TestExtensionsTakePart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{Name: "f", Version: "7", Handler: "main", Account: "123456789012", Extensions: []string{"watcher"}})
		var watcher *member
		go func() { watcher = s.extension("watcher", `"INVOKE","SHUTDOWN"`) }()
		if f, err := s.Registered(t.Context()); f != nil || err != nil {
			t.Fatal(f, err)
		}
		synctest.Wait()
		events := make(chan event)
		work := make(chan bool)
		go func() {
			for range 3 {
				events <- watcher.event()
				<-work
			}
		}()
		served := make(chan struct{})
		go func() {
			defer close(served)
			for range 2 {
				s.respond(s.next().header.Get("Lambda-Runtime-Aws-Request-Id"), "ok")
			}
		}()
		if f, err := s.Ready(t.Context()); f != nil || err != nil {
			t.Fatal(f, err)
		}

		began := time.Now()
		i := invocation(1, "{}")
		i.TraceID = "Root=1-5759e988-bd862e3fe1be46a994272793"
		if o, err := s.Invoke(t.Context(), i, nil); err != nil || string(o.Payload) != "ok" {
			t.Fatal(o, err)
		}
		e := <-events
		if e.EventType != "INVOKE" || e.RequestID != i.Request || e.InvokedFunctionArn != i.ARN || e.Tracing.Value != i.TraceID ||
			e.DeadlineMs != began.Add(3*time.Second).UnixMilli() {
			t.Errorf("event: %+v", e)
		}

		// The answer is there, but the extension is still at work: the next call waits for it.
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Settled(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		go func() { time.Sleep(time.Second); work <- true }()
		if o, err := s.Invoke(t.Context(), invocation(2, "{}"), nil); err != nil || string(o.Payload) != "ok" || time.Since(began) != 2*time.Second {
			t.Fatal(o, err, time.Since(began))
		}
		<-events
		work <- true
		<-served

		// At the end it is told why, and waited for.
		if s.ShutdownTime() != 2*time.Second {
			t.Error(s.ShutdownTime())
		}
		began = time.Now()
		go func() {
			if e := <-events; e.EventType != "SHUTDOWN" || e.ShutdownReason != "spindown" || e.DeadlineMs != began.Add(2*time.Second).UnixMilli() {
				t.Errorf("event: %+v", e)
			}
			work <- true
			time.Sleep(300 * time.Millisecond)
			s.Exited(Exit{Extension: "watcher"})
		}()
		s.Shutdown(t.Context(), Spindown)
		if time.Since(began) != 300*time.Millisecond {
			t.Error("the shutdown took", time.Since(began))
		}
	})
}

func TestShutdownIsBounded(t *testing.T) {
	for _, c := range []struct {
		name, events string
		external     bool
		takes        time.Duration
	}{
		{"external", `"SHUTDOWN"`, true, 2 * time.Second},
		{"external that does not care", `"INVOKE"`, true, 0},
		{"internal", `"INVOKE"`, false, 500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var config Config
				if c.external {
					config.Extensions = []string{"e"}
				}
				s := newSandbox(t, config)
				s.extension("e", c.events)
				began := time.Now()
				s.Shutdown(t.Context(), Timeout)
				if time.Since(began) != c.takes {
					t.Error("it took", time.Since(began))
				}
			})
		})
	}
}

// An extension that asks for events only at the end is told of the end all the same.
func TestShutdownIsToldLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{Extensions: []string{"e"}})
		e := s.extension("e", `"SHUTDOWN"`)
		go func() {
			time.Sleep(time.Second)
			if got := e.event(); got.ShutdownReason != "failure" {
				t.Errorf("event: %+v", got)
			}
			s.Exited(Exit{Extension: "e"})
		}()
		s.Shutdown(t.Context(), Failure)
	})
}

func TestExtensionsThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		fail func(s *sandbox, m *member)
		want string
	}{
		"crash": {func(s *sandbox, m *member) { s.Exited(Exit{Extension: "e", Code: 2}) },
			`{"errorType":"Extension.Crash","errorMessage":"Error: exit status 2"}`},
		"init/error": {func(s *sandbox, m *member) {
			s.do("POST", "/2020-01-01/extension/init/error", `{"errorMessage":"no licence"}`, "Lambda-Extension-Identifier", m.id, "Lambda-Extension-Function-Error-Type", "Extension.NoLicence")
		}, `{"errorType":"Extension.InitError","errorMessage":"Error: Extension.NoLicence: no licence"}`},
		"exit/error": {func(s *sandbox, m *member) {
			s.do("POST", "/2020-01-01/extension/exit/error", ``, "Lambda-Extension-Identifier", m.id, "Lambda-Extension-Function-Error-Type", "Extension.Tired")
		}, `{"errorType":"Extension.ExitError","errorMessage":"Error: Extension.Tired"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSandbox(t, Config{Extensions: []string{"e"}})
				m := s.extension("e", `"INVOKE"`)
				c.fail(s, m)
				f, err := s.Ready(t.Context())
				if err != nil || f == nil || string(f.Payload) != c.want {
					t.Fatalf("%+v, %v", f, err)
				}
				if _, err := s.Invoke(t.Context(), invocation(1, ""), nil); !errors.Is(err, ErrOver) {
					t.Error(err)
				}
			})
		})
	}
}

func TestExtensionsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{Extensions: []string{"e"}})
		const register, next = "/2020-01-01/extension/register", "/2020-01-01/extension/event/next"
		e := s.extension("e", `"INVOKE"`)
		inside := s.extension("inside", ``)
		const nobody = "11111111-2222-4333-8444-555555555555"
		for _, c := range []struct {
			method, path, body string
			header             []string
			kind, message      string
		}{
			{"POST", register, `{}`, nil, "Extension.InvalidExtensionName", "Empty extension name"},
			{"POST", register, `{`, []string{"Lambda-Extension-Name", "x"}, "InvalidRequestFormat", "unexpected end of JSON input"},
			{"POST", register, `{"events":["FREEZE"]}`, []string{"Lambda-Extension-Name", "x"}, "Extension.InvalidEventType", "FREEZE: ErrorInvalidEventType"},
			{"POST", register, `{"events":["SHUTDOWN"]}`, []string{"Lambda-Extension-Name", "x"}, "Extension.InvalidEventType", "SHUTDOWN: EventNotSupportedForInternalAgent"},
			{"POST", register, `{"events":[]}`, []string{"Lambda-Extension-Name", "inside"}, "Extension.InvalidExtensionState", "Extension with this name already registered"},
			{"POST", register, `{"events":[]}`, []string{"Lambda-Extension-Name", "e"}, "Extension.InvalidExtensionState", "State transition from Registered to Registered failed for extension e. Error: State transition is not allowed"},
			{"GET", next, ``, nil, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
			{"GET", next, ``, []string{"Lambda-Extension-Identifier", "e"}, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
			{"GET", next, ``, []string{"Lambda-Extension-Identifier", nobody}, "Extension.UnknownExtensionIdentifier", "Unknown extension " + nobody},
			{"POST", "/2020-01-01/extension/init/error", ``, []string{"Lambda-Extension-Identifier", e.id}, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"},
		} {
			a := s.do(c.method, c.path, c.body, c.header...)
			want, _ := json.Marshal(struct {
				Message string `json:"errorMessage"`
				Type    string `json:"errorType"`
			}{c.message, c.kind})
			if a.status != 403 || strings.TrimSpace(a.body) != string(want) {
				t.Errorf("%s %s: %d %s, not %s", c.path, c.body, a.status, a.body, want)
			}
		}
		s.waits("/2018-06-01/runtime/invocation/next")
		s.waits(next, "Lambda-Extension-Identifier", e.id)
		s.waits(next, "Lambda-Extension-Identifier", inside.id)
		if f, err := s.Ready(t.Context()); f != nil || err != nil {
			t.Fatal(f, err)
		}
		if a := s.do("POST", register, `{"events":[]}`, "Lambda-Extension-Name", "late"); a.status != 403 || !strings.Contains(a.body, "Extension.RegistrationClosed") {
			t.Errorf("after the init phase: %v", a)
		}
	})
}

func TestRegistrationTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Config{Name: "f", Version: "7", Handler: "main", Account: "123456789012"})
		a := s.do("POST", "/2020-01-01/extension/register", `{}`, "Lambda-Extension-Name", "one")
		if a.body != `{"functionName":"f","functionVersion":"7","handler":"main"}`+"\n" {
			t.Error(a.body)
		}
		a = s.do("POST", "/2020-01-01/extension/register", `{}`, "Lambda-Extension-Name", "two", "Lambda-Extension-Accept-Feature", "accountId")
		if a.body != `{"accountId":"123456789012","functionName":"f","functionVersion":"7","handler":"main"}`+"\n" {
			t.Error(a.body)
		}
	})
}

// A call ends when the process of an extension does, or that of the runtime.
func TestProcessesEndUnderACall(t *testing.T) {
	for name, c := range map[string]struct {
		exit Exit
		want string
	}{
		"extension": {Exit{Extension: "e", Signal: "killed"}, `"Extension.Crash","errorMessage":"RequestId: 00000000-0000-4000-8000-000000000001 Error: signal: killed"`},
		"runtime":   {Exit{}, `"Runtime.ExitError","errorMessage":"RequestId: 00000000-0000-4000-8000-000000000001 Error: Runtime exited without providing a reason"`},
		"memory":    {Exit{Signal: "killed", OutOfMemory: true}, `"Runtime.OutOfMemory","errorMessage":"RequestId: 00000000-0000-4000-8000-000000000001 Error: Runtime exited with error: signal: killed"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSandbox(t, Config{Extensions: []string{"e"}})
				m := s.extension("e", ``)
				s.waits("/2020-01-01/extension/event/next", "Lambda-Extension-Identifier", m.id)
				go func() {
					s.next()
					s.Exited(c.exit)
				}()
				if f, err := s.Ready(t.Context()); f != nil || err != nil {
					t.Fatal(f, err)
				}
				o, err := s.Invoke(t.Context(), invocation(1, ""), nil)
				if err != nil || o.Error == nil || string(o.Error.Payload) != `{"errorType":`+c.want+`}` || !o.Over {
					t.Fatalf("%+v %v", o.Error, err)
				}
			})
		})
	}
}
