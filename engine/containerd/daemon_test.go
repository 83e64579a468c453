package containerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// A stop ends containerd and leaves the containers; a start finds them, and their exits.
func TestContainersOutliveTheEngine(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	c := task.Run("main", "print", "before", "then", "wait", "5")
	c.Prints("waiting")
	pid := c.See().Pid

	m.stop()
	if found, err := e.daemon.find(); found != 0 || err != nil {
		t.Fatalf("containerd still runs as %d (%v)", found, err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatalf("the container ended with containerd: %v", err)
	}
	task.Use(m.start())
	c.Exit(5)
	if out := c.Printed(); out != "before\nwaiting\ngot SIGTERM\n" {
		t.Errorf("output %q, want what was printed while nobody was there", out)
	}
}

func TestContainerdIsStartedAgain(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	c := task.Run("main", "wait", "6")
	c.Prints("waiting")
	exits := e.Exits(t.Context())

	first := kill(t, e)
	<-exits // what happened meanwhile may have been missed
	if err := e.Signal(t.Context(), c.See().ID, "SIGTERM"); err != nil {
		t.Fatal(err)
	}
	c.Exit(6)
	if second, err := e.daemon.find(); second == first || second == 0 || err != nil {
		t.Errorf("containerd is %d after %d (%v)", second, first, err)
	}
	task.Run("next", "exit", "0").Exit(0)
}

// kill ends containerd as a crash would.
func kill(t *testing.T, e *Engine) (pid int) {
	t.Helper()
	pid, err := e.daemon.find()
	if err != nil || pid == 0 {
		t.Fatalf("no containerd: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestOneEngineHasTheDataFolder(t *testing.T) {
	m := newMachine(t)
	m.start()
	_, err := New(m.options)
	if !errors.Is(err, engine.ErrInUse) || !strings.Contains(err.Error(), m.options.Data) {
		t.Errorf("a second engine on the folder: %v", err)
	}
	other := m.options
	other.Data = t.TempDir()
	_, err = New(other)
	if !errors.Is(err, engine.ErrInUse) || !strings.Contains(err.Error(), m.options.Bridge) || !strings.Contains(err.Error(), m.options.Data) {
		t.Errorf("a second engine on the bridge: %v", err)
	}
}

// Paths of sockets end at 107 bytes, those of data folders do not.
func TestDeepDataFolder(t *testing.T) {
	m := newMachine(t)
	m.options.Data = filepath.Join(m.options.Data, strings.Repeat("deep/", 30))
	if err := os.MkdirAll(m.options.Data, 0o711); err != nil {
		t.Fatal(err)
	}
	m.options.Bridge = "sw" + nameOf(m.options.Data)[:8]
	task := enginetest.NewTask(t, body(t, m, m.start()))
	task.Run("main", "exit", "3").Exit(3)
}

// Names that containerd, the kernel or file systems would not take are the caller's to use.
func TestLongNames(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := enginetest.NewTask(t, body(t, m, e))
	task.Run(strings.Repeat("very-long--name_", 15), "exit", "3").Exit(3)
}

func TestInfoTellsWhatIsWrong(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	info, err := e.Info(t.Context())
	if err != nil || info.Name != "containerd" || info.Version == "" {
		t.Errorf("info %+v, %v", info, err)
	}
	lost := newMachine(t).options
	lost.Socket = filepath.Join(t.TempDir(), "nobody.sock")
	alone, err := New(lost)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.release()
	if _, err := alone.Info(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("info without a containerd: %v, want %v", err, engine.ErrUnavailable)
	}
}

// An engine may use a containerd that another keeps.
func TestGivenSocket(t *testing.T) {
	keeper := newMachine(t)
	kept := keeper.start()
	guest := newMachine(t)
	guest.options.Socket = kept.daemon.socket
	guest.options.Namespace = "guest"
	task := enginetest.NewTask(t, body(t, guest, guest.start()))
	task.Run("main", "exit", "3").Exit(3)
	list, err := kept.List(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("the keeper sees the guest's containers: %v (%v)", list, err)
	}
}

// body is an engine with the test program's image in a registry.
func body(t *testing.T, m *machine, e *Engine) *enginetest.Body {
	t.Helper()
	ref := enginetest.Push(t, fmt.Sprintf("%s/test/program:latest", enginetest.Registry(t)), enginetest.Image(t))
	return &enginetest.Body{Engine: e, Image: ref, Real: true}
}

func TestDeletedContainersGiveTheirSpaceBack(t *testing.T) {
	m := newMachine(t)
	task := enginetest.NewTask(t, body(t, m, m.start()))
	c := task.Run("main", "write", "/large", "much")
	c.Exit(0)
	written := func() bool {
		files, err := filepath.Glob(filepath.Join(m.options.Data, "containerd/*/snapshots/*/fs/large"))
		return err == nil && files != nil
	}
	if !written() {
		t.Fatal("the file is not where it was looked for")
	}
	c.Printed() // deletes
	waitFor(t, func() bool { return !written() })
}
