package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/engine"
	"slipway/engine/enginetest/facts"
)

// Exec runs the test program in the container, and tells what it printed.
func (c *Container) Exec(x engine.Exec, steps ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	var out, warnings bytes.Buffer
	x.Args = append([]string{ProgramPath}, steps...)
	x.Stdout, x.Stderr = &out, &warnings
	code, err := c.e.Exec(c.ctx(), c.id, x)
	c.check(err)
	return code, out.String(), warnings.String()
}

func execs(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "stubborn")
	spec.Env = []string{"COLOR=blue", "SIZE=1"}
	c := task.RunSpec(spec)
	c.Prints("waiting")

	code, out, warnings := c.Exec(engine.Exec{Env: []string{"SIZE=2"}},
		"print", "hello", "then", "warn", "careful", "then", "env", "COLOR", "then", "env", "SIZE", "then", "exit", "9")
	want(t, "code", code, 9)
	want(t, "standard output", out, "hello\nblue\n2\n")
	want(t, "standard error", warnings, "careful\n")

	long := strings.Repeat("0123456789abcde\n", 1<<16)
	_, out, _ = c.Exec(engine.Exec{Stdin: strings.NewReader(long)}, "cat", "then", "print", "end")
	want(t, "what was put in comes out", out == long+"end\n", true)
	_, out, _ = c.Exec(engine.Exec{}, "cat", "then", "print", "end")
	want(t, "without standard input", out, "end\n")
	code, err := b.Engine.Exec(task.ctx(), c.id, engine.Exec{Args: []string{ProgramPath, "print", "unheard", "then", "exit", "4"}})
	task.check(err)
	want(t, "code of one that nobody hears", code, 4)
	want(t, "state", c.See().State, engine.Running)
	want(t, "the container's own output", c.output(), "waiting\n")

	_, err = b.Engine.Exec(task.ctx(), c.id, engine.Exec{Args: []string{"/missing/program"}})
	wantError(t, err, engine.ErrStart, "/missing/program")
	unstarted := task.Spec("unstarted", "exit", "0")
	task.check(b.Engine.Create(task.ctx(), unstarted))
	for _, id := range []string{unstarted.ID, task.ID + "-nobody"} {
		_, err = b.Engine.Exec(task.ctx(), id, engine.Exec{Args: []string{ProgramPath, "exit", "0"}})
		wantError(t, err, engine.ErrNotFound, id)
	}
}

// seen lets somebody wait until a text was written.
type seen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *seen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start runs the test program in the container until stop is called, and tells how that ended.
func (c *Container) start(x engine.Exec, steps ...string) (out *seen, stop func() (int, error)) {
	out = &seen{}
	ctx, cancel := context.WithCancel(c.ctx())
	x.Args, x.Stdout = append([]string{ProgramPath}, steps...), out
	var code int
	var err error
	var running sync.WaitGroup
	running.Go(func() { code, err = c.e.Exec(ctx, c.id, x) })
	stop = func() (int, error) {
		cancel()
		running.Wait()
		return code, err
	}
	c.t.Cleanup(func() { stop() })
	return out, stop
}

func (s *seen) prints(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() error {
		if !strings.Contains(s.String(), text) {
			return errors.New("no " + text + " in " + s.String())
		}
		return nil
	})
}

func execKilled(t *testing.T, b *Body) {
	task := NewTask(t, b)
	c := task.Run("main", "stubborn")
	c.Prints("waiting")
	steps := []string{"stubborn"}
	if b.Real {
		steps = []string{"fork", "3", "then", "stubborn"}
	}
	stdin, feed := io.Pipe() // nobody ever writes
	defer feed.Close()
	out, stop := c.start(engine.Exec{Stdin: stdin}, steps...)
	out.prints(t, "waiting")
	if _, err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up is told %v", err)
	}
	eventually(t, func() error {
		if left := c.programs(); left != 1 {
			return fmt.Errorf("%d programs are left", left)
		}
		return nil
	})
	want(t, "state", c.See().State, engine.Running)

	out, stop = c.start(engine.Exec{}, "stubborn")
	out.prints(t, "waiting")
	task.check(b.Engine.Delete(task.ctx(), c.id))
	if code, err := stop(); code != 137 && !errors.Is(err, context.Canceled) {
		t.Errorf("with its container, it ended with %d, %v", code, err)
	}
}

// programs counts the processes that the container sees, without the one that looks. Where there are none,
// it has its own.
func (c *Container) programs() int {
	c.t.Helper()
	if !c.b.Real {
		return 1
	}
	_, out, _ := c.Exec(engine.Exec{}, "show")
	var seen facts.Facts
	c.check(json.Unmarshal([]byte(out), &seen))
	return len(seen.Processes) - 1
}

func execsContained(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "show", "then", "stubborn")
	spec.User, spec.WorkingDir = "app", "/home/app"
	c := task.RunSpec(spec)
	c.Prints("waiting")
	var own, run facts.Facts
	task.check(json.NewDecoder(strings.NewReader(c.output())).Decode(&own))
	_, out, _ := c.Exec(engine.Exec{}, "show")
	task.check(json.Unmarshal([]byte(out), &run))
	want(t, "user", run.UID, 1000)
	want(t, "folder", run.Dir, "/home/app")
	want(t, "host name", run.Hostname, own.Hostname)
	for _, name := range []string{"CapBnd", "CapEff", "Seccomp", "NoNewPrivs"} {
		want(t, name, run.Status[name], own.Status[name])
	}
	for name, namespace := range own.Namespaces {
		want(t, "the "+name+" namespace", run.Namespaces[name], namespace)
	}
}

func execTerminal(t *testing.T, b *Body) {
	task := NewTask(t, b)
	c := task.Run("main", "stubborn")
	sizes := make(chan engine.Size)
	out, stop := c.start(engine.Exec{Terminal: true, Resize: sizes}, "size")
	out.prints(t, "size 0x0")
	sizes <- engine.Size{Width: 132, Height: 43}
	out.prints(t, "size 132x43")
	_, err := stop()
	want(t, "given up", errors.Is(err, context.Canceled), true)
	code, text, _ := c.Exec(engine.Exec{Terminal: true}, "warn", "both go to one", "then", "exit", "2")
	want(t, "code", code, 2)
	want(t, "a terminal's lines", text, "both go to one\r\n")
}

func statsTold(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "stubborn")
	spec.MemoryLimit = 64 << 20
	c := task.RunSpec(spec)
	c.Prints("waiting")
	stats, err := b.Engine.Stats(task.ctx(), c.id)
	task.check(err)
	want(t, "memory limit", stats.MemoryLimit, 64<<20)
	if stats.Memory <= 0 || stats.MemoryPeak < stats.Memory || stats.Pids < 1 || stats.CPU <= 0 || stats.Read.IsZero() {
		t.Errorf("it uses %+v", stats)
	}
	task.check(b.Engine.Signal(task.ctx(), c.id, "SIGKILL"))
	c.Exit(137)
	for _, id := range []string{c.id, task.ID + "-nobody"} {
		_, err = b.Engine.Stats(task.ctx(), id)
		wantError(t, err, engine.ErrNotFound, id)
	}
}

func statsMeasured(t *testing.T, b *Body) {
	server, task := NewTask(t, b), NewTask(t, b)
	const size = 1 << 20
	network, err := b.Engine.Attach(server.ctx(), server.ID, nil)
	server.check(err)
	_, err = b.Engine.Attach(task.ctx(), task.ID, nil)
	task.check(err)
	server.Run("main", "serve", "8080", strings.Repeat("x", size/16)).Prints("serving")
	var fetches []string
	for range 16 {
		fetches = append(fetches, "get", "http://"+network.Address+":8080/", "then")
	}
	c := task.Run("main", append(fetches, "eat", "20", "then", "work", "300ms", "then", "stubborn")...)
	c.Prints("waiting")
	stats, err := b.Engine.Stats(task.ctx(), c.id)
	task.check(err)
	if stats.CPU < 300*time.Millisecond || stats.Memory < 20<<20 || stats.Received < size || stats.Sent <= 0 || stats.Sent > stats.Received {
		t.Errorf("it uses %+v", stats)
	}
}
