// Package enginetest is the proof that every engine passes, and what builds the images
// for it, without any network: programs for tests are compiled from this module.
//
// It tests what engine.Engine promises. What only one body has, such as its
// supervision, is tested beside that body.
package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway/engine"
	"slipway/engine/enginetest/facts"
	"slipway/internal/ids"
)

// Body is an engine to prove.
type Body struct {
	Engine engine.Engine
	// Again gives what an agent that was started anew on the same machine would open.
	Again func(t *testing.T) engine.Engine
	Image string // a reference of Image
	Login engine.Login
	// Real says that there are processes, limits and networks, not only the look of them.
	Real bool
}

// Run proves a body.
func Run(t *testing.T, b Body) {
	for _, story := range []struct {
		name string
		tell func(*testing.T, *Body)
		real bool
	}{
		{"a program runs to its end", runsToItsEnd, false},
		{"signals reach the program", signals, false},
		{"the image's stop signal is the default", stopSignal, true},
		{"memory ends at the limit", outOfMemory, false},
		{"a new client finds everything", foundAgain, false},
		{"every call may be repeated", repeated, false},
		{"deleting leaves nothing", leavesNothing, false},
		{"output is complete", outputComplete, false},
		{"waiters are woken", woken, false},
		{"what cannot run says why", refusals, false},
		{"an unknown image says why", unknownImage, false},
		{"images are told", imagesTold, false},
		{"images that nobody uses are removed", imagesRemoved, false},
		{"archives are loaded", archivesLoaded, false},
		{"ports are given once", portsGivenOnce, false},
		{"a container is made again", madeAgain, false},
		{"a task is in the network it asks for", networkModes, false},
		{"a task is in the machine's network", hostNetwork, true},
		{"a task is in no network", noNetwork, true},
		{"a task's containers share processes", sharedProcesses, true},
		{"a task's containers share memory", sharedMemory, true},
		{"volumes are a task's", volumesShared, true},
		{"volumes stay", volumesStay, true},
		{"paths of the machine are mounted", hostPaths, true},
		{"links stay inside", linksStayInside, true},
		{"memory is mounted", tmpfsMounts, true},
		{"what cannot be mounted says why", mountsRefused, true},
		{"a root is only read", readonlyRoot, true},
		{"privileges are given and taken", privileges, true},
		{"devices are given", devices, true},
		{"the kernel is told", kernelSettings, true},
		{"names are given", namesGiven, true},
		{"terminals and open input", terminals, true},
		{"an init reaps", inits, true},
		{"programs are run in containers", execs, false},
		{"a program run in a container ends with the caller's patience", execKilled, false},
		{"programs run in a container are of it", execsContained, true},
		{"a program run in a container has a terminal", execTerminal, true},
		{"what a container uses is told", statsTold, false},
		{"what a container uses is measured", statsMeasured, true},
		{"tasks reach who listens", reachListeners, false},
		{"nobody else reaches who listens", listenersAreForTasks, true},
		{"published ports answer", portsAnswer, true},
		{"a task's containers share a network", sharedNetwork, true},
		{"tasks reach each other", tasksReachEachOther, true},
		{"the process is contained", contained, true},
		{"the definition overrides the image", overrides, true},
		{"files are given", filesGiven, true},
		{"limits hold", limits, true},
		{"who eats too much memory dies alone", hogDiesAlone, true},
		{"the cpu is shared out", cpuShared, true},
		{"a bomb is contained", bombContained, true},
		{"open files are bound", filesBound, true},
		{"disk use is bound, or refused", DiskBound, false},
		{"what is held runs what it is told to", heldPrograms, false},
		{"what is held ends with all it runs", heldEnds, false},
		{"what is held has a listener of its own", heldListens, false},
		{"what is held is no task", heldIsNoTask, false},
		{"there is no way out", noWayOut, true},
		{"links in volumes stay inside", volumeLinksStayInside, true},
	} {
		if story.real && !b.Real {
			continue
		}
		t.Run(story.name, func(t *testing.T) { story.tell(t, &b) })
	}
}

// Task is a task on an engine under test. It is gone, to the last container, when its test ends.
type Task struct {
	t  *testing.T
	e  engine.Engine
	b  *Body
	ID string
}

var taskNumber atomic.Int64

// NewTask makes room for a task of containers of b's image.
func NewTask(t *testing.T, b *Body) *Task {
	t.Helper()
	task := &Task{t: t, e: b.Engine, b: b, ID: ids.Hex(16)}
	t.Cleanup(task.remove)
	return task
}

func (k *Task) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, c := range k.list(ctx) {
		k.check(k.e.Delete(ctx, c.ID))
		k.check(k.e.RemoveOutput(c.ID))
	}
	k.check(k.e.Detach(ctx, k.ID))
}

// Use lets the task's test go on with another client of the same machine.
func (k *Task) Use(e engine.Engine) { k.e, k.b.Engine = e, e }

// patience is how long a test waits for what must come; it is no measure of speed.
const patience = 60 * time.Second

func (k *Task) ctx() context.Context {
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	k.t.Cleanup(cancel)
	return ctx
}

func (k *Task) check(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *Task) list(ctx context.Context) []engine.Container {
	k.t.Helper()
	all, err := k.e.List(ctx)
	k.check(err)
	return slices.DeleteFunc(all, func(c engine.Container) bool { return c.Task != k.ID })
}

// Spec is a container of the task that runs the test program.
func (k *Task) Spec(name string, command ...string) engine.Spec {
	k.t.Helper()
	image, err := k.e.Pull(k.ctx(), k.b.Image, k.b.Login)
	k.check(err)
	return engine.Spec{ID: k.ID + "-" + name, Task: k.ID, Name: name, Image: image, Command: command}
}

// Run creates and starts a container that runs the test program.
func (k *Task) Run(name string, command ...string) *Container {
	k.t.Helper()
	return k.RunSpec(k.Spec(name, command...))
}

// RunSpec creates and starts a container in the task's network.
func (k *Task) RunSpec(s engine.Spec) *Container {
	k.t.Helper()
	namespace, err := k.e.Prepare(k.ctx(), k.ID, engine.Group{})
	k.check(err)
	s.Namespace = namespace
	k.check(k.e.Create(k.ctx(), s))
	k.check(k.e.Start(k.ctx(), s.ID))
	return &Container{Task: k, id: s.ID}
}

// Container is a container of a Task.
type Container struct {
	*Task
	id string
}

// See is the container as the engine tells it now.
func (c *Container) See() engine.Container {
	c.t.Helper()
	for _, seen := range c.list(c.ctx()) {
		if seen.ID == c.id {
			return seen
		}
	}
	c.t.Fatalf("container %s is not listed", c.id)
	return engine.Container{}
}

// Exit waits until the container has exited, and wants code.
func (c *Container) Exit(code int) engine.Container {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.ctx())
	defer stop()
	exits := c.e.Exits(ctx)
	for {
		seen := c.See()
		if seen.State == engine.Exited {
			if seen.ExitCode != code {
				c.t.Errorf("exit code %d, want %d; output:\n%s", seen.ExitCode, code, c.output())
			}
			return seen
		}
		if _, open := <-exits; !open {
			c.t.Fatalf("%s is still %v; output:\n%s", c.id, seen.State, c.output())
		}
	}
}

func (c *Container) output() string {
	c.t.Helper()
	data, err := os.ReadFile(c.e.Output(c.id))
	c.check(err)
	return string(data)
}

// Prints waits until the container has printed text.
func (c *Container) Prints(text string) {
	c.t.Helper()
	eventually(c.t, func() error {
		if out := c.output(); !strings.Contains(out, text) {
			return fmt.Errorf("no %q in the output %q", text, out)
		}
		return nil
	})
}

// Printed deletes the container and tells all that it printed.
func (c *Container) Printed() string {
	c.t.Helper()
	c.check(c.e.Delete(c.ctx(), c.id))
	printed := c.output()
	c.check(c.e.RemoveOutput(c.id))
	return printed
}

// Facts are what a container that ran "show" has seen of itself.
func (c *Container) Facts() facts.Facts {
	c.t.Helper()
	c.Exit(0)
	var seen facts.Facts
	c.check(json.Unmarshal([]byte(c.Printed()), &seen))
	return seen
}

// eventually tries until there is no error. It is for what no event tells.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	const pause = 5 * time.Millisecond
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func want[T comparable](t *testing.T, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s = %v, want %v", what, got, wanted)
	}
}

// wantError wants an error of a cause whose text holds every word.
func wantError(t *testing.T, err, cause error, words ...string) {
	t.Helper()
	if !errors.Is(err, cause) {
		t.Fatalf("error %v, want %v", err, cause)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not name %q", err, word)
		}
	}
}
