package sandbox

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"slipway/nodeapi"
)

// What functions can do wrong: the caller gets AWS's error of that case, the log says it, and no call is made in that
// sandbox again.
func TestBadFunctions(t *testing.T) {
	w := newWorld(t)
	type change = func(*nodeapi.Invocation)
	within := func(d time.Duration) change { return func(i *nodeapi.Invocation) { i.Timeout = d } }
	for _, row := range []struct {
		name    string
		request wants
		change  change
		kind    string // of the error
		message string // of it, as a pattern
		report  string // the end of the last line, as a pattern
		goesOn  bool   // the sandbox does
		memory  int    // MiB; 0: as usual
	}{
		{
			name: "never returns", request: wants{"sleep": "1h"}, change: within(300 * time.Millisecond), kind: "Sandbox.Timedout",
			message: `^RequestId: [0-9a-f-]{36} Error: Task timed out after 0\.30 seconds$`, report: `\tStatus: timeout$`,
		},
		{
			name: "exits", request: wants{"exit": 1}, kind: "Runtime.ExitError",
			message: `^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 1$`, report: `\tStatus: error\tError Type: Runtime\.ExitError$`,
		},
		{
			name: "exits as if all were well", request: wants{"exit": 0}, kind: "Runtime.ExitError",
			message: `Error: Runtime exited without providing a reason$`, report: `Runtime\.ExitError$`,
		},
		{
			name: "breaks", request: wants{"crash": true}, kind: "Runtime.ExitError",
			message: `Error: Runtime exited with error: (exit status 2|signal: segmentation fault)$`, report: `Runtime\.ExitError$`,
		},
		{
			name: "eats memory", request: wants{"eat": true}, kind: "Runtime.OutOfMemory",
			message: `Error: Runtime exited with error: signal: killed$`, report: `Max Memory Used: 128 MB\t.*Status: error\tError Type: Runtime\.OutOfMemory$`,
		},
		{
			name: "prints without end", request: wants{"flood": true}, change: within(500 * time.Millisecond), kind: "Sandbox.Timedout",
			message: `Task timed out after 0\.50 seconds$`, report: `\tStatus: timeout$`,
		},
		{name: "forks without end", request: wants{"fork": true}, message: `resource temporarily unavailable`, report: ` ms\t$`, goesOn: true, memory: 2048},
		{
			name: "answers too much", request: wants{"answer": 2000}, change: func(i *nodeapi.Invocation) { i.MaxAnswer = 1000 }, kind: "Function.ResponseSizeTooLarge",
			message: `^Response payload size \(2002 bytes\) exceeded maximum allowed payload size \(1000 bytes\)\.$`, report: `Function\.ResponseSizeTooLarge$`,
		},
		{name: "says what is wrong", request: wants{"fail": "no luck"}, kind: "errorString", message: `^no luck$`, report: ` ms\t$`, goesOn: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			id, other := w.assigned(func(a *nodeapi.Assignment) { a.Memory = max(a.Memory, row.memory) }), w.assigned()
			outcome := w.call(id, row.change, row.request)
			message := string(outcome.Payload)
			if outcome.Error != nil {
				message = outcome.Error.Message
			}
			if kind := kindOf(outcome); kind != row.kind || !regexp.MustCompile(row.message).MatchString(message) {
				t.Errorf("it failed with %s: %s; want %s: %s", kind, message, row.kind, row.message)
			}
			log := strings.Split(strings.TrimSuffix(string(outcome.Tail), "\n"), "\n")
			if last := log[len(log)-1]; !strings.HasPrefix(last, "REPORT RequestId: ") || !regexp.MustCompile(row.report).MatchString(last) {
				t.Errorf("the report is %q; want %s", last, row.report)
			}
			if outcome.Over == row.goesOn {
				t.Errorf("it is over: %v", outcome.Over)
			}
			_, err := w.host.Invoke(t.Context(), nodeapi.Invocation{Sandbox: id, Request: newRequest(), Payload: []byte("{}"), Timeout: patience, MaxAnswer: 1000}, nil)
			if row.goesOn != (err == nil) || !row.goesOn && !errors.Is(err, nodeapi.ErrNoSandbox) {
				t.Errorf("the next call: %v", err)
			}
			if outcome := w.call(other, nil, wants{}); outcome.Error != nil {
				t.Errorf("the sandbox beside it: %+v", outcome.Error)
			}
			for _, id := range []string{id, other} {
				if err := w.host.Stop(t.Context(), id); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func kindOf(o nodeapi.Outcome) string {
	if o.Error == nil {
		return ""
	}
	return o.Error.Type
}

func TestFunctionsThatDoNotBegin(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name          string
		change        func(*nodeapi.Assignment)
		kind, message string
	}{
		{"exits", func(a *nodeapi.Assignment) { a.Env = []string{"EXIT_AT_INIT=1", "PRINT_AT_INIT=good bye"} }, "Runtime.ExitError", `^Error: Runtime exited with error: exit status 7$`},
		{"no bootstrap", func(a *nodeapi.Assignment) {
			a.Code = []nodeapi.Code{w.plane.keep(zipped(t, map[string]string{"x": ""}))}
		}, "Runtime.InvalidEntrypoint", `Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]$`},
		{"not a program", func(a *nodeapi.Assignment) {
			a.Code = []nodeapi.Code{w.plane.keep(zipped(t, map[string]string{"bootstrap*": "text"}))}
		}, "Runtime.InvalidEntrypoint", `^Error: fork/exec /var/task/bootstrap: exec format error$`},
		{"no program for what runs it", func(a *nodeapi.Assignment) {
			a.Code = []nodeapi.Code{w.plane.keep(zipped(t, map[string]string{"bootstrap*": "#!/no/such/shell\n"}))}
		}, "Runtime.InvalidEntrypoint", `^Error: fork/exec /var/task/bootstrap: no such file or directory$`},
		{"no such folder", func(a *nodeapi.Assignment) { a.WorkingDir = "/no/such" }, "Runtime.InvalidWorkingDir", `^Error: chdir /no/such: no such file or directory$`},
		{"no extension", func(a *nodeapi.Assignment) {
			layer := w.plane.keep(zipped(t, map[string]string{"extensions/watcher*": "text"}))
			layer.Layer = true
			a.Code = append(a.Code, layer)
		}, "Extension.LaunchError", `^Error: fork/exec /opt/extensions/watcher: exec format error$`},
		{"panics", func(a *nodeapi.Assignment) { a.Env = []string{"PANIC_AT_INIT=no database"} }, "Runtime.ExitError", `^Error: Runtime exited with error: exit status 2$`},
		{"no zip", func(a *nodeapi.Assignment) { a.Code = []nodeapi.Code{w.plane.keep([]byte("not a zip"))} }, "Runtime.InvalidEntrypoint", `Could not unzip`},
		{"no such entrypoint", func(a *nodeapi.Assignment) { a.Entrypoint = []string{"/no/such"} }, "Runtime.InvalidEntrypoint", `^Error: fork/exec /no/such: no such file or directory$`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := w.assignment(w.start())
			row.change(&a)
			told, err := w.host.Assign(t.Context(), a)
			if err != nil || told.Error == nil || told.Error.Type != row.kind || !regexp.MustCompile(row.message).MatchString(told.Error.Message) {
				t.Errorf("it began: %v, %+v", err, told.Error)
			}
			if row.name == "exits" && !strings.Contains(string(told.Tail), "good bye\nError: Runtime exited with error: exit status 7\nRuntime.ExitError\nINIT_REPORT Init Duration: ") {
				t.Errorf("its log is\n%s", told.Tail)
			}
			if said := "panic: no database"; (row.name == "panics") != (told.Words == said) || row.name == "panics" && !strings.Contains(string(told.Tail), said) {
				t.Errorf("its last words are %q, and its log is\n%s", told.Words, told.Tail)
			}
			if err := w.host.Stop(t.Context(), a.Sandbox); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLastWords(t *testing.T) {
	for log, want := range map[string]string{
		"": "", "no luck\n": "",
		"before\npanic: one [recovered]\n\tpanic: two\ngoroutine 1 [running]:\n": "panic: one [recovered]",
		"fatal error: all goroutines are asleep - deadlock!":                     "fatal error: all goroutines are asleep - deadlock!",
		"panic: a\x00b\xff\n":                 "panic: ab\uFFFD",
		"panic: " + strings.Repeat("é", 1000): "panic: " + strings.Repeat("é", (mostWords-7)/2),
	} {
		if got := lastWords([]byte(log)); got != want {
			t.Errorf("of %.60q: %q, want %q", log, got, want)
		}
	}
}

// A call that its caller gives up takes its sandbox with it.
func TestCallsThatAreGivenUp(t *testing.T) {
	w := newWorld(t)
	id := w.assigned()
	ctx, giveUp := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := w.host.Invoke(ctx, nodeapi.Invocation{Sandbox: id, Request: newRequest(), Payload: []byte(`{"print": ["begun"], "sleep": "1h"}`), Timeout: time.Hour, MaxAnswer: 1000}, nil)
		failed <- err
	}()
	w.plane.until(t, id, func(log []string) bool { return len(log) > 0 && log[len(log)-1] == "begun" })
	giveUp()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := w.host.Stop(t.Context(), id); err != nil {
		t.Error(err)
	}
}
