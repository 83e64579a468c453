package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// A container whose shim is killed is lost, which is told as an exit, and leaves nothing.
func TestShimDies(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	c := task.Run("main", "print", "said", "then", "wait")
	c.Prints("waiting")
	pid := c.See().Pid
	for _, s := range shimsOf(t, e) {
		if err := syscall.Kill(s.pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	exited := c.Exit(lost)
	if exited.StartedAt.IsZero() {
		t.Error("nobody knows when it was started")
	}
	if err := e.Start(t.Context(), exited.ID); err != nil {
		t.Errorf("starting what has run: %v", err)
	}
	if out := c.Printed(); out != "said\nwaiting\n" {
		t.Errorf("output %q", out)
	}
	if command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); len(command) > 0 { // a zombie has none
		t.Errorf("its process runs still: %q (%v)", command, err)
	}
}

func shimsOf(t *testing.T, e *Engine) []shim {
	t.Helper()
	shims, err := e.shims()
	if err != nil || len(shims) == 0 {
		t.Fatalf("no shims: %v", err)
	}
	return shims
}

// When the machine starts anew its processes, namespaces and mounts are gone. Containers that ran
// have exited; those that did not may be created again.
func TestMachineStartsAnew(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	ran := task.Run("ran", "wait")
	ran.Prints("waiting")
	waiting := task.Spec("waiting", "exit", "4")
	waiting.Namespace, _ = e.Prepare(t.Context(), task.ID, engine.Group{})
	if err := e.Create(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}
	powerOff(t, m, e)

	e = m.start()
	task.Use(e)
	ran.Exit(lost)
	states := map[string]engine.State{}
	containers, err := e.List(t.Context())
	for _, c := range containers {
		states[c.Name] = c.State
	}
	if err != nil || states["waiting"] != engine.Creating {
		t.Errorf("states after a boot are %v (%v)", states, err)
	}
	task.RunSpec(waiting)
	containers, err = e.List(t.Context())
	if err != nil || len(containers) != 2 {
		t.Errorf("containers %+v (%v)", containers, err)
	}
}

// powerOff ends all that does not outlive a boot.
func powerOff(t *testing.T, m *machine, e *Engine) {
	t.Helper()
	shims := shimsOf(t, e)
	containers, err := e.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.stop()
	for _, s := range shims {
		rootfs := filepath.Join(e.run, "containerd/io.containerd.runtime.v2.task", e.options.Namespace, s.key, "rootfs")
		if err := killAndWait(s.pid); err != nil {
			t.Fatal(err)
		}
		if err := unix.Unmount(rootfs, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range containers {
		if err := e.cgroups.remove(c.Task); err != nil {
			t.Fatal(err)
		}
		if err := unmount(e.network.namespace(c.Task)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(e.run, "boot"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
}
