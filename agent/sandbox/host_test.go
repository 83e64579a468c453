package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/engine"
	"slipway/engine/fake"
	"slipway/internal/ids"
	"slipway/nodeapi"
)

// echo is a function: it answers with what it is given. "exit" ends it, "wait" waits until it is killed, "signal" until it is
// sent a signal; "why" is answered with why it was started.
func echo(ctx context.Context, p *fake.Process) int {
	client := http.Client{Transport: &http.Transport{DialContext: p.Dial}}
	defer client.CloseIdleConnections()
	do := func(method, path string, body []byte, header ...string) (*http.Response, []byte, error) {
		r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:9001"+path, bytes.NewReader(body))
		if err != nil {
			return nil, nil, err
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil, nil, err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return answer, text, err
	}
	if strings.HasPrefix(p.Args[0], extensions) {
		return extension(ctx, p, do)
	}
	if slices.Contains(p.Env, "FAIL=1") {
		return 1
	}
	fmt.Fprintln(p.Stdout, "begins")
	for {
		call, payload, err := do(http.MethodGet, "/2018-06-01/runtime/invocation/next", nil)
		if err != nil {
			return 2
		}
		switch string(payload) {
		case `"exit"`:
			return 3
		case `"wait"`:
			<-ctx.Done()
			return killedCode
		case `"memory"`:
			return p.OutOfMemory()
		case `"signal"`:
			<-p.Signals
		case `"why"`:
			payload = []byte(p.Env[slices.IndexFunc(p.Env, func(pair string) bool { return strings.HasPrefix(pair, "AWS_LAMBDA_INITIALIZATION_TYPE=") })])
		}
		fmt.Fprintf(p.Stdout, "called with %s\n", payload)
		answer := func() (*http.Response, []byte, error) {
			return do(http.MethodPost, "/2018-06-01/runtime/invocation/"+call.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", payload)
		}
		if _, _, err := answer(); err != nil {
			return 2
		}
		if string(payload) == `"twice"` {
			if again, _, err := answer(); err == nil {
				fmt.Fprintln(p.Stdout, "the second answer gets", again.StatusCode)
			}
		}
	}
}

// extension wants to know of everything, and prints it.
func extension(ctx context.Context, p *fake.Process, do func(method, path string, body []byte, header ...string) (*http.Response, []byte, error)) int {
	name := filepath.Base(p.Args[0])
	answer, _, err := do(http.MethodPost, "/2020-01-01/extension/register", []byte(`{"events": ["INVOKE", "SHUTDOWN"]}`), "Lambda-Extension-Name", name)
	if err != nil {
		return 2
	}
	for {
		_, event, err := do(http.MethodGet, "/2020-01-01/extension/event/next", nil, "Lambda-Extension-Identifier", answer.Header.Get("Lambda-Extension-Identifier"))
		if err != nil {
			return 2
		}
		var told struct{ EventType, ShutdownReason string }
		if err := json.Unmarshal(event, &told); err != nil {
			return 2
		}
		fmt.Fprintf(p.Stdout, "%s is told of %s %s\n", name, told.EventType, told.ShutdownReason)
		if told.EventType == "SHUTDOWN" {
			return 0
		}
	}
}

// newFakeWorld has an engine in memory whose containers run echo.
func newFakeWorld(t testing.TB) *world {
	t.Helper()
	e := fake.New(fake.Options{Dir: filepath.Join(t.TempDir(), "outputs"), Images: map[string]fake.Program{"runtime@sha256:1": echo}})
	t.Cleanup(e.Close)
	w := &world{TB: t, engine: e, plane: newPlane(), image: "runtime@sha256:1"}
	w.begin()
	w.code = w.plane.keep(zipped(t, map[string]string{"bootstrap*": "program"}))
	return w
}

// seen is what a watcher has been told of sandboxes last.
type seen struct {
	mu    sync.Mutex
	by    map[string]nodeapi.SandboxState
	first []nodeapi.SandboxState
	told  chan struct{}
}

func (w *world) watch() *seen {
	s := &seen{by: map[string]nodeapi.SandboxState{}, told: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	began := false
	go func() {
		defer close(done)
		_ = w.host.Watch(ctx, func(all []nodeapi.SandboxState) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !began {
				s.first, began = all, true
			}
			for _, one := range all {
				s.by[one.ID] = one
			}
			select {
			case s.told <- struct{}{}:
			default:
			}
		})
	}()
	w.Cleanup(func() { stop(); <-done })
	<-s.told
	return s
}

func (s *seen) until(t testing.TB, id string, is func(nodeapi.SandboxState) bool) {
	t.Helper()
	late := time.After(patience)
	for {
		s.mu.Lock()
		state := s.by[id]
		s.mu.Unlock()
		if is(state) {
			return
		}
		select {
		case <-s.told:
		case <-late:
			t.Fatalf("it is told as %+v", state)
		}
	}
}

func isGone(s nodeapi.SandboxState) bool { return s.Gone }

func TestASandboxFromStartToStop(t *testing.T) {
	w := newFakeWorld(t)
	s := w.watch()
	id := w.start()
	s.until(t, id, func(s nodeapi.SandboxState) bool { return s.ID == id && s.Release == "" })
	if err := w.host.Start(t.Context(), nodeapi.Sandbox{ID: id, Account: "123456789012", Image: w.image}); err != nil {
		t.Errorf("started again: %v", err)
	}
	_, err := w.host.Invoke(t.Context(), nodeapi.Invocation{Sandbox: id}, nil)
	if !errors.Is(err, nodeapi.ErrNoSandbox) {
		t.Errorf("a call before it is assigned: %v", err)
	}
	if told, err := w.host.Assign(t.Context(), w.assignment(id)); err != nil || told.Error != nil {
		t.Fatalf("assigned: %v, %+v", err, told)
	}
	s.until(t, id, func(s nodeapi.SandboxState) bool { return s.Release == "release-1" })
	if _, err := w.host.Assign(t.Context(), w.assignment(id)); !errors.Is(err, ErrAssigned) {
		t.Errorf("assigned again: %v", err)
	}
	for n := range 3 {
		if outcome := w.call(id, nil, n); string(outcome.Payload) != fmt.Sprint(n) || outcome.Error != nil || outcome.Over {
			t.Errorf("call %d: %s, %+v", n, outcome.Payload, outcome)
		}
	}
	if again := w.watch(); len(again.first) != 1 || again.first[0].ID != id {
		t.Errorf("who begins to watch is told %+v", again.first)
	}
	if err := w.host.Stop(t.Context(), id); err != nil {
		t.Error(err)
	}
	s.until(t, id, isGone)
	if err := w.host.Stop(t.Context(), id); err != nil {
		t.Errorf("stopped again: %v", err)
	}
	if left := w.engine.(*fake.Engine).Held(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	log := w.plane.until(t, id, func(log []string) bool { return len(log) == 14 })
	for i := range log {
		log[i], _, _ = strings.Cut(log[i], ":")
	}
	want := []string{"INIT_START Runtime Version", "begins"}
	for n := range 3 {
		want = append(want, "START RequestId", fmt.Sprint("called with ", n), "END RequestId", "REPORT RequestId")
	}
	if !slices.Equal(log, want) {
		t.Errorf("the log is %q, want %q", log, want)
	}
}

// Whoever asks for a sandbox that is not there, or is none, is told so.
func TestSandboxesThatAreNotThere(t *testing.T) {
	w := newFakeWorld(t)
	none := "sb-" + ids.Hex(16)
	if _, err := w.host.Assign(t.Context(), w.assignment(none)); !errors.Is(err, nodeapi.ErrNoSandbox) {
		t.Error(err)
	}
	if _, err := w.host.Invoke(t.Context(), nodeapi.Invocation{Sandbox: none}, nil); !errors.Is(err, nodeapi.ErrNoSandbox) {
		t.Error(err)
	}
	for _, id := range []string{"", "sb-", "sb-../../etc", none + "0", strings.ToUpper(none)} {
		if err := w.host.Start(t.Context(), nodeapi.Sandbox{ID: id, Image: w.image}); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := w.host.Start(t.Context(), nodeapi.Sandbox{ID: none, Image: "unknown@sha256:2"}); !errors.Is(err, engine.ErrPull) {
		t.Errorf("an image that is not there: %v", err)
	}
	if err := w.host.Stop(t.Context(), none); err != nil {
		t.Error(err)
	}
}

// A function finds out whether it is one of those that are always to be ready.
func TestWhyASandboxIsStarted(t *testing.T) {
	w := newFakeWorld(t)
	for provisioned, want := range map[bool]string{false: "on-demand", true: "provisioned-concurrency"} {
		id := w.assigned(func(a *nodeapi.Assignment) { a.Provisioned = provisioned })
		if outcome := w.call(id, nil, "why"); string(outcome.Payload) != "AWS_LAMBDA_INITIALIZATION_TYPE="+want {
			t.Errorf("provisioned %v: %s", provisioned, outcome.Payload)
		}
	}
}

// A sandbox whose process ends by itself is told to be gone, in a call or outside of one.
func TestProcessesThatEnd(t *testing.T) {
	w := newFakeWorld(t)
	s := w.watch()
	for payload, kind := range map[string]string{"exit": "Runtime.ExitError", "memory": "Runtime.OutOfMemory"} {
		id := w.assigned()
		outcome := w.call(id, nil, payload)
		if kindOf(outcome) != kind || !outcome.Over {
			t.Errorf("%s: %+v", payload, outcome)
		}
		s.until(t, id, isGone)
	}
	id := w.assigned()
	b, err := w.host.find(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.held.Signal(3, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	s.until(t, id, isGone)
	a := w.assignment(w.start())
	a.Env = []string{"FAIL=1"}
	if told, err := w.host.Assign(t.Context(), a); err != nil || told.Error == nil || told.Error.Type != "Runtime.ExitError" {
		t.Errorf("an init phase that fails: %v, %+v", err, told)
	}
	s.until(t, a.Sandbox, isGone)
}

// Who answers twice is told so, and no call is touched.
func TestAnswersAreGivenOnce(t *testing.T) {
	w := newFakeWorld(t)
	id := w.assigned()
	for _, payload := range []string{"twice", "next", "twice", "last"} {
		if outcome := w.call(id, nil, payload); string(outcome.Payload) != `"`+payload+`"` || outcome.Error != nil || outcome.Over {
			t.Errorf("%s: %s, %+v", payload, outcome.Payload, outcome)
		}
	}
	log := w.plane.until(t, id, func(log []string) bool { return len(log) >= 2+4*4+2 })
	refused := slices.DeleteFunc(log, func(line string) bool { return !strings.HasPrefix(line, "the second answer gets 4") })
	if len(refused) != 2 {
		t.Errorf("of the second answers it is told %q", refused)
	}
}

// Extensions are started before the runtime, and told of calls and of the end.
func TestExtensions(t *testing.T) {
	w := newFakeWorld(t)
	layer := w.plane.keep(zipped(t, map[string]string{"extensions/watcher*": "program", "extensions/notes.txt": "text"}))
	layer.Layer = true
	id := w.assigned(func(a *nodeapi.Assignment) { a.Code = append(a.Code, layer) })
	if outcome := w.call(id, nil, 1); string(outcome.Payload) != "1" {
		t.Errorf("the call: %+v", outcome)
	}
	w.plane.until(t, id, func(log []string) bool {
		return slices.Contains(log, "watcher is told of INVOKE ") && slices.Contains(log, "called with 1")
	})
	b, err := w.host.find(id)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{b.held.Output(): "begins\ncalled with 1\n", b.held.Aside(): "watcher is told of INVOKE \n"} {
		if printed, err := os.ReadFile(file); err != nil || string(printed) != want {
			t.Errorf("%s has %q, %v; want %q", filepath.Base(file), printed, err, want)
		}
	}
	if err := w.host.Stop(t.Context(), id); err != nil {
		t.Error(err)
	}
	w.plane.until(t, id, func(log []string) bool { return slices.Contains(log, "watcher is told of SHUTDOWN spindown") })
}

// When the line to the control plane ends so do all sandboxes, and new ones may come.
func TestTheLineEnds(t *testing.T) {
	w := newFakeWorld(t)
	var all []string
	for range 5 {
		all = append(all, w.assigned(), w.start())
	}
	cut := make(chan error)
	go func() {
		_, err := w.host.Invoke(t.Context(), nodeapi.Invocation{Sandbox: all[0], Request: newRequest(), Payload: []byte(`"wait"`), Timeout: time.Hour, MaxAnswer: 1}, nil)
		cut <- err
	}()
	w.plane.until(t, all[0], func(log []string) bool { return len(log) > 2 })
	w.host.Clear(t.Context())
	if err := <-cut; err == nil || errors.Is(err, nodeapi.ErrNoSandbox) {
		t.Errorf("a call that runs: %v", err)
	}
	if left := w.engine.(*fake.Engine).Held(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if outcome := w.call(w.assigned(), nil, 1); outcome.Error != nil {
		t.Errorf("a new one: %+v", outcome.Error)
	}
	w.stop()
	if err := w.host.Start(t.Context(), nodeapi.Sandbox{ID: "sb-" + ids.Hex(16), Image: w.image}); !errors.Is(err, ErrEngine) {
		t.Errorf("after the end: %v", err)
	}
	if left := w.engine.(*fake.Engine).Held(); len(left) > 0 {
		t.Errorf("left behind at the end: %q", left)
	}
}

// A host that is to end starts nothing any more and says so; what is under way ends, as long as there is time.
func TestAHostIsLeftInOrder(t *testing.T) {
	w := newFakeWorld(t)
	s := w.watch()
	busy, idle := w.assigned(), w.start()
	answered := make(chan nodeapi.Outcome)
	go func() { answered <- w.call(busy, nil, "signal") }()
	w.plane.until(t, busy, func(log []string) bool { return len(log) > 2 })
	late, tooLate := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() { defer close(left); w.host.Leave(late) }()
	for _, id := range []string{busy, idle} {
		s.until(t, id, func(s nodeapi.SandboxState) bool { return s.Leaving && !s.Gone })
	}
	if err := w.host.Start(t.Context(), nodeapi.Sandbox{ID: "sb-" + ids.Hex(16), Image: w.image}); !errors.Is(err, ErrEngine) {
		t.Errorf("started meanwhile: %v", err)
	}
	if err := w.host.Stop(t.Context(), idle); err != nil {
		t.Error(err)
	}
	b, err := w.host.find(busy)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.held.Signal(3, "SIGUSR1"); err != nil {
		t.Fatal(err)
	}
	if outcome := <-answered; string(outcome.Payload) != `"signal"` || outcome.Error != nil {
		t.Errorf("the call that was under way: %s, %+v", outcome.Payload, outcome)
	}
	if err := w.host.Stop(t.Context(), busy); err != nil {
		t.Error(err)
	}
	<-left
	tooLate()

	w.begin()
	busy = w.assigned()
	cut := make(chan error)
	go func() {
		_, err := w.host.Invoke(t.Context(), nodeapi.Invocation{Sandbox: busy, Request: newRequest(), Payload: []byte(`"wait"`), Timeout: time.Hour, MaxAnswer: 1}, nil)
		cut <- err
	}()
	w.plane.until(t, busy, func(log []string) bool { return len(log) > 2 })
	late, tooLate = context.WithCancel(t.Context())
	tooLate()
	w.host.Leave(late)
	if err := <-cut; err == nil || errors.Is(err, nodeapi.ErrNoSandbox) {
		t.Errorf("a call for which there is no time: %v", err)
	}
	if left := w.engine.(*fake.Engine).Held(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestShareOfCPU(t *testing.T) {
	for _, row := range []struct {
		a    nodeapi.Assignment
		want engine.Limits
	}{
		{nodeapi.Assignment{Memory: 128, CPU: 73}, engine.Limits{MemoryLimit: 128 << 20, CPUShares: 73}},
		{nodeapi.Assignment{Memory: 1769, CPU: 1024, HardCPU: true}, engine.Limits{MemoryLimit: 1769 << 20, CPUShares: 1024, CPUQuota: 100_000}},
		{nodeapi.Assignment{Memory: 1024, CPU: 512, HardCPU: true}, engine.Limits{MemoryLimit: 1 << 30, CPUShares: 512, CPUQuota: 50_000}},
		{nodeapi.Assignment{Memory: 128, CPU: 1, HardCPU: true}, engine.Limits{MemoryLimit: 128 << 20, CPUShares: 2, CPUQuota: 1000}},
	} {
		if got := limitsOf(row.a); got != row.want {
			t.Errorf("%d MiB, %d units, hard: %v: %+v, want %+v", row.a.Memory, row.a.CPU, row.a.HardCPU, got, row.want)
		}
	}
}
