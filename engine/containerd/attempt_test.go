package containerd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// slowRunc goes before runc on the search path, as on a machine that has a lot to do: it marks that a
// container is being made, and is slow at that and at undoing it.
const slowRunc = `#!/bin/sh
case " $* " in
*" create "*) [ -e DIR/creating ] && sleep 3; touch DIR/creating ;;
*" delete "*) sleep 4 ;;
esac
PATH=REST exec runc "$@"
`

func withSlowRunc(t *testing.T) (creating string) {
	t.Helper()
	dir, path := t.TempDir(), os.Getenv("PATH")
	script := strings.NewReplacer("DIR", dir, "REST", path).Replace(slowRunc)
	if err := os.WriteFile(filepath.Join(dir, "runc"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+path)
	return filepath.Join(dir, "creating")
}

// An engine is killed in the middle of a creation. What the next one makes in its place, at once, lives
// through all that containerd does to undo the first, be it as slow as it may.
func TestWhatIsUndoneLateIsNotWhatWasMadeAnew(t *testing.T) {
	m := newMachine(t)
	creating := withSlowRunc(t)
	b := body(t, m, m.start())
	if _, err := b.Engine.Pull(t.Context(), b.Image, engine.Login{}); err != nil {
		t.Fatal(err)
	}
	task := enginetest.NewTask(t, b)
	spec := task.Spec("main", "print", "begin", "then", "sleep", "6s", "then", "print", "end", "then", "exit", "5")
	var err error
	if spec.Namespace, err = b.Engine.Prepare(t.Context(), task.ID, engine.Limits{}); err != nil {
		t.Fatal(err)
	}
	m.stop()

	work := startVictim(t, m, victim{Image: b.Image, Spec: &spec})
	for exists := false; !exists; time.Sleep(time.Millisecond) {
		_, err := os.Stat(creating)
		exists = err == nil
	}
	work.kill(t)

	e := m.start()
	task.Use(e)
	c := task.RunSpec(spec)
	c.Exit(5)
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if keys := keysOf(t, e, spec.ID); len(keys) != 1 {
		t.Errorf("attempts that are left: %q", keys)
	}
	if out := c.Printed(); out != "begin\nend\n" {
		t.Errorf("printed %q", out)
	}
}

func keysOf(t *testing.T, e *Engine, id string) (keys []string) {
	t.Helper()
	records, err := e.records(e.context(t.Context()), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		keys = append(keys, r.ID)
	}
	return keys
}

// Of two attempts at a container one counts, and runs. The other is taken away.
func TestWhatIsNotKnownToBeMadeIsMadeAnew(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := create(t, e, task)
	first := keysOf(t, e, spec.ID)
	if err := os.Remove(e.folder(spec.ID).path("whole")); err != nil { // killed before it was told
		t.Fatal(err)
	}

	e = m.start()
	task.Use(e)
	if state := stateOf(t, e, spec.ID); state != engine.Creating {
		t.Errorf("it is %s", state)
	}
	if err := e.Start(t.Context(), spec.ID); err == nil {
		t.Error("what may be undone is started")
	}
	c := task.RunSpec(spec)
	c.Exit(4)
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if keys := keysOf(t, e, spec.ID); len(keys) != 1 || slices.Equal(keys, first) {
		t.Errorf("attempts %q are left after %q", keys, first)
	}
	if out := c.Printed(); out != "ran\n" {
		t.Errorf("printed %q", out)
	}
}

// What was to be started may have run: it is never made anew, and is started again as it is.
func TestWhatMayHaveRunIsNotMadeAnew(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := create(t, e, task)
	first := keysOf(t, e, spec.ID)
	if err := e.folder(spec.ID).markStarted(time.Now()); err != nil { // killed before containerd heard of it
		t.Fatal(err)
	}

	e = m.start()
	task.Use(e)
	c := task.RunSpec(spec)
	c.Exit(4)
	if keys := keysOf(t, e, spec.ID); !slices.Equal(keys, first) {
		t.Errorf("attempts %q after %q", keys, first)
	}
	if out := c.Printed(); out != "ran\n" {
		t.Errorf("printed %q", out)
	}
}

// A container of a release that gave it one key for all attempts goes on.
func TestContainersOfFormerReleasesGoOn(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := task.Spec("main", "print", "ran", "then", "wait")
	ctx := e.context(t.Context())
	image, err := e.Pull(ctx, spec.Image.Ref, engine.Login{})
	if err != nil {
		t.Fatal(err)
	}
	spec.Image = image
	if err := e.create(ctx, spec, keyOf(spec.ID)); err != nil {
		t.Fatal(err)
	}
	c := task.RunSpec(spec)
	c.Prints("ran")
	d := e.folder(spec.ID)
	old := []byte(`{"ID":"` + spec.ID + `","Task":"` + spec.Task + `","Hostname":"h"}`)
	if err := os.WriteFile(d.path("about.json"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d.path("whole")); err != nil {
		t.Fatal(err)
	}
	forgetLabel(t, e, spec.ID, keyLabel)

	e = m.start()
	task.Use(e)
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if err := e.Create(t.Context(), spec); err != nil {
		t.Error(err)
	}
	if state := c.See().State; state != engine.Running {
		t.Errorf("it is %s", state)
	}
	if err := e.Signal(t.Context(), spec.ID, "SIGKILL"); err != nil {
		t.Error(err)
	}
	c.Exit(137)
	if out := c.Printed(); !strings.HasPrefix(out, "ran\n") {
		t.Errorf("printed %q", out)
	}
}

func forgetLabel(t *testing.T, e *Engine, id, label string) {
	t.Helper()
	ctx, all := e.context(t.Context()), e.client.ContainerService()
	record, err := all.Get(ctx, keyOf(id))
	if err != nil {
		t.Fatal(err)
	}
	delete(record.Labels, label)
	if _, err := all.Update(ctx, record, "labels"); err != nil {
		t.Fatal(err)
	}
	if keys := keysOf(t, e, id); len(keys) != 1 {
		t.Fatalf("without its label its records are %q", keys)
	}
}

// Where a power cut has taken away the file that says which attempt counts, the one that is there does.
func TestAnAttemptCountsThoughNobodyKnows(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := create(t, e, task)
	first := keysOf(t, e, spec.ID)
	if err := os.Truncate(e.folder(spec.ID).path("about.json"), 0); err != nil {
		t.Fatal(err)
	}

	e = m.start()
	task.Use(e)
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	c := task.RunSpec(spec)
	c.Exit(4)
	if keys := keysOf(t, e, spec.ID); !slices.Equal(keys, first) {
		t.Errorf("attempts %q after %q", keys, first)
	}
	if out := c.Printed(); out != "ran\n" {
		t.Errorf("printed %q", out)
	}
	if keys := keysOf(t, e, spec.ID); len(keys) > 0 {
		t.Errorf("left are %q", keys)
	}
}

// create makes a container without starting it.
func create(t *testing.T, e *Engine, task *enginetest.Task) engine.Spec {
	t.Helper()
	spec := task.Spec("main", "print", "ran", "then", "exit", "4")
	var err error
	if spec.Namespace, err = e.Prepare(t.Context(), task.ID, engine.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := e.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

func stateOf(t *testing.T, e *Engine, id string) engine.State {
	t.Helper()
	containers, err := e.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(containers, func(c engine.Container) bool { return c.ID == id })
	if at < 0 {
		t.Fatalf("%s is not listed", id)
	}
	return containers[at].State
}

func TestAttemptsHaveKeysOfTheirOwn(t *testing.T) {
	for _, id := range []string{"a", strings.Repeat("a", mostKey-9), strings.Repeat("a", mostKey-8), strings.Repeat("a", 77), "a--b", "ö"} {
		one, other := newAttempt(id), newAttempt(id)
		if one == other || len(one) > mostKey || !plainName.MatchString(one) {
			t.Errorf("attempts at %q are %q and %q", id, one, other)
		}
	}
}
