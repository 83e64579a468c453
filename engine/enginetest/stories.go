package enginetest

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/engine"
)

func runsToItsEnd(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "print", "hello", "then", "exit", "3")
	task.check(b.Engine.Create(task.ctx(), spec))
	c := &Container{Task: task, id: spec.ID}

	created := c.See()
	want(t, "state", created.State, engine.Created)
	want(t, "started at", created.StartedAt, time.Time{})
	want(t, "name", created.Name, "main")
	want(t, "digest", created.Digest, spec.Image.Digest)

	task.check(b.Engine.Start(task.ctx(), spec.ID))
	exited := c.Exit(3)
	if exited.StartedAt.IsZero() || exited.ExitedAt.Before(exited.StartedAt) {
		t.Errorf("started at %v, exited at %v", exited.StartedAt, exited.ExitedAt)
	}
	want(t, "killed for memory", exited.OOMKilled, false)
	want(t, "output", c.Printed(), "hello\n")
}

func signals(t *testing.T, b *Body) {
	task := NewTask(t, b)
	polite := task.Run("polite", "wait", "7")
	polite.Prints("waiting")
	if polite.See().Pid == 0 {
		t.Error("a running container has no pid")
	}
	task.check(b.Engine.Signal(task.ctx(), polite.id, "SIGTERM"))
	polite.Exit(7)
	polite.Prints("got SIGTERM")

	stubborn := task.Run("stubborn", "stubborn")
	stubborn.Prints("waiting")
	task.check(b.Engine.Signal(task.ctx(), stubborn.id, "SIGTERM"))
	want(t, "state after SIGTERM", stubborn.See().State, engine.Running)
	task.check(b.Engine.Signal(task.ctx(), stubborn.id, "SIGKILL"))
	stubborn.Exit(137)

	spec := task.Spec("own", "wait")
	spec.StopSignal = "SIGUSR1"
	own := task.RunSpec(spec)
	own.Prints("waiting")
	task.check(b.Engine.Signal(task.ctx(), own.id, ""))
	own.Exit(0)
	own.Prints("got SIGUSR1")
}

func outOfMemory(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("greedy", "eat", "200")
	spec.MemoryLimit = 64 << 20
	greedy := task.RunSpec(spec)
	want(t, "killed for memory", greedy.Exit(137).OOMKilled, true)

	spec = task.Spec("modest", "eat", "10")
	spec.MemoryLimit = 64 << 20
	want(t, "killed for memory", task.RunSpec(spec).Exit(0).OOMKilled, false)
}

func foundAgain(t *testing.T, b *Body) {
	task := NewTask(t, b)
	network, err := b.Engine.Attach(task.ctx(), task.ID, []engine.Port{{Container: 80, Protocol: "tcp"}})
	task.check(err)
	done := task.Run("done", "exit", "4")
	done.Exit(4)
	going := task.Run("going", "wait", "5")
	going.Prints("waiting")
	before := task.list(task.ctx())

	task.Use(b.Again(t))
	after := task.list(task.ctx())
	if !slices.Equal(before, after) {
		t.Errorf("the new client sees %+v, want %+v", after, before)
	}
	again, err := b.Engine.Attach(task.ctx(), task.ID, []engine.Port{{Container: 80, Protocol: "tcp"}})
	task.check(err)
	want(t, "address", again.Address, network.Address)
	want(t, "host port", again.Ports[0].Host, network.Ports[0].Host)

	task.check(b.Engine.Signal(task.ctx(), going.id, "SIGTERM"))
	going.Exit(5)
	going.Prints("got SIGTERM")
}

func repeated(t *testing.T, b *Body) {
	task := NewTask(t, b)
	twice := func(call func() error) {
		t.Helper()
		task.check(call())
		task.check(call())
	}
	ctx, e := task.ctx(), b.Engine
	spec := task.Spec("main", "print", "once", "then", "wait", "6")
	twice(func() error { _, err := e.Prepare(ctx, task.ID, engine.Group{}); return err })
	twice(func() error { _, err := e.Attach(ctx, task.ID, nil); return err })
	twice(func() error { return e.Create(ctx, spec) })
	twice(func() error { return e.Start(ctx, spec.ID) })
	c := &Container{Task: task, id: spec.ID}
	c.Prints("waiting")
	twice(func() error { return e.Create(ctx, spec) })
	want(t, "state", c.See().State, engine.Running)
	twice(func() error { return e.Signal(ctx, spec.ID, "SIGTERM") })
	c.Exit(6)
	twice(func() error { return e.Signal(ctx, spec.ID, "SIGKILL") })
	twice(func() error { return e.Start(ctx, spec.ID) })
	want(t, "state", c.See().State, engine.Exited)
	want(t, "code", c.See().ExitCode, 6)
	twice(func() error { return e.Delete(ctx, spec.ID) })
	want(t, "output", c.output(), "once\nwaiting\ngot SIGTERM\n")
	twice(func() error { return e.RemoveOutput(spec.ID) })
	twice(func() error { return e.Signal(ctx, spec.ID, "SIGTERM") })
	twice(func() error { return e.Detach(ctx, task.ID) })
	wantError(t, e.Start(ctx, spec.ID), engine.ErrNotFound, spec.ID)
}

func leavesNothing(t *testing.T, b *Body) {
	task := NewTask(t, b)
	ctx, e := task.ctx(), b.Engine
	_, err := e.Attach(ctx, task.ID, []engine.Port{{Container: 80, Protocol: "tcp"}})
	task.check(err)
	running := task.Run("running", "stubborn")
	unstarted := task.Spec("unstarted", "print", "never")
	task.check(e.Create(ctx, unstarted))
	want(t, "tasks hold it", holdsTask(t, task), true)
	want(t, "has output", hasOutput(t, task, running.id), true)

	for _, id := range []string{running.id, unstarted.ID} {
		task.check(e.Delete(ctx, id))
		task.check(e.RemoveOutput(id))
		want(t, "has output", hasOutput(t, task, id), false)
	}
	want(t, "containers", len(task.list(ctx)), 0)
	task.check(e.Detach(ctx, task.ID))
	want(t, "tasks hold it", holdsTask(t, task), false)
}

func holdsTask(t *testing.T, task *Task) bool {
	t.Helper()
	tasks, err := task.e.Tasks(task.ctx())
	task.check(err)
	return slices.Contains(tasks, task.ID)
}

func hasOutput(t *testing.T, task *Task, id string) bool {
	t.Helper()
	outputs, err := task.e.Outputs()
	task.check(err)
	return slices.Contains(outputs, id)
}

func outputComplete(t *testing.T, b *Body) {
	task := NewTask(t, b)
	const size = 3 << 20
	flood := task.Run("flood", "print", "begin", "then", "flood", strconv.Itoa(size), "then", "exit", "1")
	flood.Exit(1)
	out := flood.Printed()
	if wanted := len("begin\n") + size + len("\nend\n"); len(out) != wanted || !strings.HasSuffix(out, "x\nend\n") {
		t.Errorf("output of %d bytes, want %d that end with end", len(out), wanted)
	}
}

func woken(t *testing.T, b *Body) {
	task := NewTask(t, b)
	c := task.Run("main", "wait")
	c.Prints("waiting")
	ctx, stop := context.WithCancel(task.ctx())
	exits := b.Engine.Exits(ctx)
	task.check(b.Engine.Signal(ctx, c.id, "SIGTERM"))
	<-exits
	stop()
	for range exits { // it closes, or the test times out
	}
}

func refusals(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("missing")
	spec.Entrypoint = []string{"/missing/program"}
	err := b.Engine.Create(task.ctx(), spec)
	if err == nil {
		err = b.Engine.Start(task.ctx(), spec.ID)
	}
	wantError(t, err, engine.ErrStart, "/missing/program", "no such file")
	task.check(b.Engine.Delete(task.ctx(), spec.ID))

	spec = task.Spec("unpulled", "exit", "0")
	spec.Image = engine.Image{Ref: "example.test/never/pulled:1", Digest: "sha256:" + strings.Repeat("0", 64)}
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, "example.test/never/pulled:1")
	wantError(t, b.Engine.Start(task.ctx(), spec.ID), engine.ErrNotFound, spec.ID)
	if !b.Real {
		return
	}
	spec = task.Spec("nobody", "exit", "0")
	spec.User = "nosuchuser"
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, "nosuchuser")
}

func unknownImage(t *testing.T, b *Body) {
	task := NewTask(t, b)
	unknown := strings.TrimSuffix(b.Image, ":latest") + "-unknown:nope"
	_, err := b.Engine.Pull(task.ctx(), unknown, b.Login)
	wantError(t, err, engine.ErrPull, unknown)
}

func portsGivenOnce(t *testing.T, b *Body) {
	any80 := engine.Port{Container: 80, Protocol: "tcp"}
	first, second, third := NewTask(t, b), NewTask(t, b), NewTask(t, b)
	one, err := b.Engine.Attach(first.ctx(), first.ID, []engine.Port{any80, {Container: 81, Protocol: "tcp"}})
	first.check(err)
	two, err := b.Engine.Attach(second.ctx(), second.ID, []engine.Port{any80})
	second.check(err)
	given := map[int]bool{}
	for _, p := range slices.Concat(one.Ports, two.Ports) {
		if p.Host < 32768 || p.Host > 60999 || given[p.Host] {
			t.Errorf("given host port %d, want one of its own in 32768-60999", p.Host)
		}
		given[p.Host] = true
	}
	if one.Address == two.Address {
		t.Errorf("two tasks have the address %s", one.Address)
	}

	held := engine.Port{Container: 80, Host: one.Ports[0].Host, Protocol: "tcp"}
	_, err = b.Engine.Attach(third.ctx(), third.ID, []engine.Port{held})
	wantError(t, err, engine.ErrPortInUse, strconv.Itoa(held.Host), first.ID)
	first.check(b.Engine.Detach(first.ctx(), first.ID))
	_, err = b.Engine.Attach(third.ctx(), third.ID, []engine.Port{held})
	third.check(err)
}
