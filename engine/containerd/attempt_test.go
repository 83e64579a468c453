package containerd

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/client"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// slowRunc goes before runc on the search path, as on a machine that has a lot to do: the first creation
// does not go on until it is released, and whatever is deleted is deleted late.
const slowRunc = `#!/bin/sh
case " $* " in
*" create "*) mkdir DIR/creating && while ! [ -e DIR/released ]; do sleep 0.1; done ;;
*" delete "*) sleep 4 ;;
esac 2>/dev/null
PATH=REST exec runc "$@"
`

// withSlowRunc tells the folder that is there once the first creation hangs, and how to release it.
func withSlowRunc(t *testing.T) (creating string, release func()) {
	t.Helper()
	dir, path := t.TempDir(), os.Getenv("PATH")
	script := strings.NewReplacer("DIR", dir, "REST", path).Replace(slowRunc)
	if err := os.WriteFile(filepath.Join(dir, "runc"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+path)
	release = func() {
		if err := os.WriteFile(filepath.Join(dir, "released"), nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(release)
	return filepath.Join(dir, "creating"), release
}

// An engine is killed in the middle of a creation. What the next one makes in its place, at once, lives
// through all that containerd does to undo the first, be it as slow as it may.
func TestWhatIsUndoneLateIsNotWhatWasMadeAnew(t *testing.T) {
	m := newMachine(t)
	creating, release := withSlowRunc(t)
	b := body(t, m, m.start())
	if _, err := b.Engine.Pull(t.Context(), b.Image, engine.Login{}); err != nil {
		t.Fatal(err)
	}
	task := enginetest.NewTask(t, b)
	spec := specOf(t, b.Engine, task)
	m.stop()

	work := startVictim(t, m, victim{Image: b.Image, Spec: &spec})
	untilThere(t, creating, true)
	work.kill(t)

	e := m.start()
	task.Use(e)
	former := keysOf(t, e, spec.ID)
	if len(former) != 1 {
		t.Fatalf("killed in the middle of attempts %q", former)
	}
	c := task.RunSpec(spec)
	c.Prints("waiting")
	for _, half := range []string{e.bundle(former[0]), filepath.Join(e.runcDir(), former[0])} {
		untilThere(t, half, false)
	}
	release()
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if keys := keysOf(t, e, spec.ID); len(keys) != 1 || slices.Equal(keys, former) {
		t.Errorf("attempts %q are left after %q", keys, former)
	}
	if err := e.Signal(t.Context(), spec.ID, "SIGTERM"); err != nil {
		t.Error(err)
	}
	c.Exit(5)
	if out := c.Printed(); out != "waiting\ngot SIGTERM\n" {
		t.Errorf("printed %q", out)
	}
}

// bundle is what containerd has of an attempt that it runs, or is yet to undo.
func (e *Engine) bundle(key string) string {
	return filepath.Join(e.run, "containerd/io.containerd.runtime.v2.task", e.options.Namespace, key)
}

// patience is how long a test waits for what must come; it is no measure of speed.
const patience = 3 * time.Minute

func untilThere(t *testing.T, file string, there bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(file); (err == nil) == there {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: that it is there should be %v", file, there)
		}
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

// What an engine made that was killed before it started it may be what containerd is undoing.
func TestWhatWasNotStartedIsMadeAnew(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := create(t, e, task)
	former := keysOf(t, e, spec.ID)

	e = m.start()
	task.Use(e)
	if state := stateOf(t, e, spec.ID); state != engine.Creating {
		t.Errorf("it is %s", state)
	}
	if err := e.Start(t.Context(), spec.ID); err == nil {
		t.Error("what may be undone is started")
	}
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if keys := keysOf(t, e, spec.ID); !slices.Equal(keys, former) {
		t.Errorf("the sweep left %q of %q, though nothing is in their place", keys, former)
	}
	c := task.RunSpec(spec)
	c.Prints("waiting")
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if keys := keysOf(t, e, spec.ID); len(keys) != 1 || slices.Equal(keys, former) {
		t.Errorf("attempts %q are left after %q", keys, former)
	}
	if state := c.See().State; state != engine.Running {
		t.Errorf("it is %s after the sweep", state)
	}
}

// What was to be started may have run: it is never made anew, and is started again as it is.
func TestWhatMayHaveRunIsNotMadeAnew(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := create(t, e, task)
	former := keysOf(t, e, spec.ID)
	if err := e.folder(spec.ID).markStarted(former[0], time.Now()); err != nil { // killed before containerd heard of it
		t.Fatal(err)
	}

	e = m.start()
	task.Use(e)
	c := task.RunSpec(spec)
	c.Prints("waiting")
	if keys := keysOf(t, e, spec.ID); !slices.Equal(keys, former) {
		t.Errorf("attempts %q after %q", keys, former)
	}
}

// Where a power cut has emptied the file that says what was started, nothing is run a second time.
func TestWhatMayHaveRunIsNotMadeAnewThoughNobodyKnowsWhich(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	ran := task.Run("ran", "exit", "0")
	ran.Exit(0)
	id := ran.See().ID
	if err := e.deleteTask(e.context(t.Context()), e.attempt(id).key); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(e.folder(id).path("started"), 0); err != nil {
		t.Fatal(err)
	}

	e = m.start()
	task.Use(e)
	if err := e.Create(t.Context(), task.Spec("ran", "exit", "0")); err != nil {
		t.Error(err)
	}
	if err := e.Start(t.Context(), id); err != nil {
		t.Error(err)
	}
	ran.Exit(lost)
}

// A container of a release that gave it one key for all attempts goes on.
func TestContainersOfFormerReleasesGoOn(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := specOf(t, e, task)
	ctx, key := e.context(t.Context()), keyOf(spec.ID)
	if err := e.create(ctx, spec, key); err != nil {
		t.Fatal(err)
	}
	e.made.Store(spec.ID, attempt{key: key, made: true})
	c := task.RunSpec(spec)
	c.Prints("waiting")
	old := []byte(time.Now().UTC().Format(time.RFC3339Nano))
	if err := os.WriteFile(e.folder(spec.ID).path("started"), old, 0o600); err != nil {
		t.Fatal(err)
	}

	e = m.start()
	task.Use(e)
	if err := e.sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if err := e.Create(t.Context(), spec); err != nil {
		t.Error(err)
	}
	if seen := c.See(); seen.State != engine.Running || seen.StartedAt.IsZero() {
		t.Errorf("it is %+v", seen)
	}
	if err := e.Signal(t.Context(), spec.ID, "SIGTERM"); err != nil {
		t.Error(err)
	}
	c.Exit(5)
}

// What has been started while the list was being made may be missing among the processes, and is not lost.
func TestAListThatIsOlderThanAStartTellsNoEnd(t *testing.T) {
	m := newMachine(t)
	e := m.open()
	conn, ok := e.client.Conn().(*grpc.ClientConn)
	if !ok {
		t.Fatalf("the client's connection is a %T", e.client.Conn())
	}
	late := lateList{tasks.NewTasksClient(conn), make(chan struct{}), make(chan struct{}), make(chan struct{})}
	var err error
	if e.client, err = client.NewWithConn(conn, client.WithDefaultNamespace(e.options.Namespace), client.WithServices(client.WithTaskClient(late))); err != nil {
		t.Fatal(err)
	}
	m.run(e)
	task := enginetest.NewTask(t, body(t, m, e))
	spec := specOf(t, e, task)

	var during []engine.Container
	var listing errgroup.Group
	listing.Go(func() (err error) {
		<-late.creating
		during, err = e.List(context.WithValue(t.Context(), lateList{}, true))
		return err
	})
	if err := e.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	close(late.started)
	if err := listing.Wait(); err != nil || len(during) != 1 || during[0].State != engine.Creating {
		t.Errorf("the list is %+v (%v)", during, err)
	}
	if state := stateOf(t, e, spec.ID); state != engine.Running {
		t.Errorf("it is %s", state)
	}
}

// lateList asks for all processes before the first is created, and tells them when it has been started,
// to whoever calls with a context that has its value.
type lateList struct {
	tasks.TasksClient
	creating, listed, started chan struct{}
}

func (l lateList) Create(ctx context.Context, r *tasks.CreateTaskRequest, o ...grpc.CallOption) (*tasks.CreateTaskResponse, error) {
	close(l.creating)
	<-l.listed
	return l.TasksClient.Create(ctx, r, o...)
}

func (l lateList) List(ctx context.Context, r *tasks.ListTasksRequest, o ...grpc.CallOption) (*tasks.ListTasksResponse, error) {
	answer, err := l.TasksClient.List(ctx, r, o...)
	if ctx.Value(lateList{}) != nil {
		close(l.listed)
		<-l.started
	}
	return answer, err
}

// What nobody has a record of is taken away, with its task's cgroup where the task is gone.
func TestWhatHasNoRecordIsSwept(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	spec := create(t, e, task)
	ctx, key := e.context(t.Context()), e.attempt(spec.ID).key
	if err := e.client.ContainerService().Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(e.tasksDir(), task.ID), filepath.Join(e.tasksDir(), "away")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; { // what ends is there for a moment more
		if err := e.sweep(t.Context()); err != nil {
			t.Error(err)
		}
		remains, err := e.remains(ctx)
		if err == nil && len(remains) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after the sweep there is %v (%v)", remains, err)
		}
	}
	if err := os.Rename(filepath.Join(e.tasksDir(), "away"), filepath.Join(e.tasksDir(), task.ID)); err != nil {
		t.Fatal(err)
	}
	for _, tree := range e.cgroups.trees {
		untilThere(t, filepath.Join(tree, e.cgroups.prefix, task.ID), false)
	}
	if !e.folder(spec.ID).forgotten() {
		t.Error("its folder is not emptied")
	}
}

// One attempt that ends does not say that another has printed all.
func TestATerminalPrintsUntilTheLastAttemptHasEnded(t *testing.T) {
	d := folder(t.TempDir())
	if err := os.Mkdir(d.path("files"), 0o711); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"c.1", "c.2"} {
		r := &tasks.CreateTaskRequest{ContainerID: key}
		if err := d.connect(r, engine.Spec{Terminal: true}); err != nil || !strings.Contains(r.Stdout, key) {
			t.Errorf("%s prints to %s (%v)", key, r.Stdout, err)
		}
	}
	for i, key := range []string{"c.1", "c.2"} {
		if err := os.Remove(d.printing(key)); err != nil {
			t.Error(err)
		}
		if last := i == 1; d.isPrinting() == last {
			t.Errorf("after %s it prints: %v", key, !last)
		}
	}
}

// specOf is a container of the task that waits, and exits with 5 when it is told to end.
func specOf(t *testing.T, e engine.Engine, task *enginetest.Task) engine.Spec {
	t.Helper()
	spec := task.Spec("main", "wait", "5")
	var err error
	if spec.Namespace, err = e.Prepare(t.Context(), task.ID, engine.Group{}); err != nil {
		t.Fatal(err)
	}
	return spec
}

// create makes a container without starting it.
func create(t *testing.T, e *Engine, task *enginetest.Task) engine.Spec {
	t.Helper()
	spec := specOf(t, e, task)
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
		one, other := newKey(id), newKey(id)
		if one == other || len(one) > mostKey || !plainName.MatchString(one) {
			t.Errorf("attempts at %q are %q and %q", id, one, other)
		}
	}
}
