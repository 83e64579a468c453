package containerd

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/engine/containerd/hold"
	"slipway/engine/enginetest"
	"slipway/internal/ids"
)

// heldMachine has an engine with an image whose program can be held.
type heldMachine struct {
	*machine
	e     *Engine
	image engine.Image
}

func newHeldMachine(t testing.TB) *heldMachine {
	t.Helper()
	m := newMachine(t)
	m.options.Log = slog.New(slog.DiscardHandler)
	layer := []enginetest.Entry{enginetest.Dir("var", 0o755), enginetest.Dir("var/task", 0o755), enginetest.Dir("opt", 0o755)}
	ref := enginetest.Push(t, enginetest.Registry(t)+"/test/held:1", enginetest.Image(t, layer))
	h := &heldMachine{machine: m, e: m.start()}
	var err error
	if h.image, err = h.e.Pull(t.Context(), ref, engine.Login{}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (m *heldMachine) spec() engine.HeldSpec {
	return engine.HeldSpec{
		ID: "sb-" + ids.Hex(16), Image: m.image, User: "993:990", Limits: engine.Limits{MemoryLimit: 64 << 20}, Pids: 100, Scratch: 16 << 20,
	}
}

func (m *heldMachine) hold(s engine.HeldSpec) engine.Held {
	m.t.Helper()
	h, err := m.e.Hold(m.t.Context(), s)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := h.End(context.Background()); err != nil {
			m.t.Error(err)
		}
	})
	return h
}

// runs runs the test program and tells how it ended and what all have printed so far.
func (m *heldMachine) runs(h engine.Held, words ...string) (engine.ProgramEnd, string) {
	m.t.Helper()
	pid, err := h.Run(m.t.Context(), engine.Program{Command: words, Entrypoint: []string{enginetest.ProgramPath}})
	if err != nil {
		m.t.Fatal(err)
	}
	for end := range h.Ended() {
		if end.Pid == pid {
			printed, err := os.ReadFile(h.Output())
			if err != nil {
				m.t.Fatal(err)
			}
			return end, string(printed)
		}
	}
	m.t.Fatal("the container has ended")
	return engine.ProgramEnd{}, ""
}

func TestHeldContainersRunWhatTheyAreTold(t *testing.T) {
	m := newHeldMachine(t)
	h := m.hold(m.spec())
	end, printed := m.runs(h, "print", "first", "then", "exit", "3")
	if end.Code != 3 || end.Err != nil || printed != "first\n" {
		t.Errorf("it ended with %+v and printed %q", end, printed)
	}
	for _, row := range []struct {
		program engine.Program
		want    string
	}{
		{engine.Program{Entrypoint: []string{"/no/such"}}, "fork/exec /no/such: no such file or directory"},
		{engine.Program{Entrypoint: []string{"nosuch"}}, `exec: "nosuch": executable file not found in $PATH`},
		{engine.Program{Entrypoint: []string{"/proc"}}, "fork/exec /proc: permission denied"},
		{engine.Program{WorkingDir: "/nowhere", Command: []string{"exit", "0"}}, "chdir /nowhere: no such file or directory"},
	} {
		pid, err := h.Run(t.Context(), row.program)
		if err != nil {
			t.Fatal(err)
		}
		if end := <-h.Ended(); end.Pid != pid || !errors.Is(end.Err, engine.ErrStart) || !strings.HasSuffix(end.Err.Error(), ": "+row.want) {
			t.Errorf("%+v ended with %v, %+v; want %s", row.program, end.Err, end, row.want)
		}
	}
	if err := h.End(t.Context()); err != nil {
		t.Error(err)
	}
	if end, open := <-h.Ended(); open {
		t.Errorf("after its end: %+v", end)
	}
}

// What complains is heard like what prints, and names are known that were given.
// /tmp is a file system of its size, on disk or, on a machine that has no loop devices, in memory.
func TestWhereHeldContainersWrite(t *testing.T) {
	m := newHeldMachine(t)
	if err := tryLoop(m.e.run); err != nil {
		t.Errorf("this machine has no loop devices: %v", err)
	}
	for _, onDisk := range []bool{true, false} {
		m.e.scratches = func() bool { return onDisk }
		h := m.hold(m.spec())
		var at unix.Statfs_t
		if err := unix.Statfs(h.(*held).root()+"/tmp", &at); err != nil {
			t.Fatal(err)
		}
		kind, size := map[int64]bool{unix.EXT4_SUPER_MAGIC: true, unix.TMPFS_MAGIC: false}, int64(at.Blocks)*at.Bsize
		if is, known := kind[at.Type]; !known || is != onDisk || size > 16<<20 || size < 8<<20 {
			t.Errorf("on disk %v: it is %#x, of %d bytes", onDisk, at.Type, size)
		}
		if end, printed := m.runs(h, "write", "/tmp/file", "text", "then", "exit", "0"); end.Code != 0 {
			t.Errorf("on disk %v: it cannot be written to: %+v, %s", onDisk, end, printed)
		}
	}
}

// A program's end may be told before its start is, where that took long.
func TestAnEndThatIsToldBeforeItsStart(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	telling, hearing := os.NewFile(uintptr(ends[0]), "telling"), os.NewFile(uintptr(ends[1]), "hearing")
	line, err := net.FileConn(hearing)
	if err != nil {
		t.Fatal(err)
	}
	hearing.Close()
	none := &errand{}
	h := &held{line: line.(*net.UnixConn), started: make(chan int, 1), ended: make(chan engine.ProgramEnd, mostPrograms), finished: make(chan struct{})}
	h.asked.Store(none)
	go h.listen(none)
	tell := func(kind hold.Kind, pid int, status uint32) {
		t.Helper()
		event := []uint32{uint32(kind), uint32(pid), status, 0}
		if err := binary.Write(telling, binary.NativeEndian, event); err != nil {
			t.Fatal(err)
		}
	}
	tell(hold.Ended, 7, 0) // of nobody who was asked for
	for pid := 3; pid < 8; pid++ {
		h.asked.Store(&errand{path: "/no/such"})
		tell(hold.Failed, pid, uint32(unix.ENOENT))
		if pid != 7 {
			tell(hold.Ended, pid, 127<<8)
		}
		tell(hold.Started, pid, 0)
		if got := <-h.started; got != pid {
			t.Errorf("%d is started, want %d", got, pid)
		}
		if pid == 7 {
			tell(hold.Ended, pid, 127<<8)
		}
		end := <-h.Ended()
		if end.Pid != pid || end.Code != 127 || end.Err == nil || !strings.HasSuffix(end.Err.Error(), "fork/exec /no/such: no such file or directory") {
			t.Errorf("it ended with %+v, %v", end, end.Err)
		}
	}
	telling.Close()
	if end, open := <-h.Ended(); open {
		t.Errorf("after all: %+v", end)
	}
	<-h.finished
	h.line.Close()
}

func TestHeldContainersAreHeard(t *testing.T) {
	m := newHeldMachine(t)
	spec := m.spec()
	spec.ExtraHosts = []engine.Host{{Name: "sandbox.localdomain", Address: "127.0.0.1"}}
	h := m.hold(spec)
	if _, printed := m.runs(h, "warn", "loudly"); printed != "loudly\n" {
		t.Errorf("heard %q", printed)
	}
	if _, printed := m.runs(h, "read", "/etc/hosts"); !strings.Contains(printed, "127.0.0.1\tsandbox.localdomain\n") {
		t.Errorf("hosts: %q", printed)
	}
}

func TestFoldersShowUpInHeldContainers(t *testing.T) {
	m := newHeldMachine(t)
	h := m.hold(m.spec())
	low, high := t.TempDir(), t.TempDir()
	for file, text := range map[string]string{low + "/both": "low", low + "/low": "low", high + "/both": "high"} {
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{low, high} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if names := h.Executables("/var/task"); names != nil {
		t.Errorf("before, there are %q", names)
	}
	err := h.Mount(t.Context(), []engine.HeldMount{{Sources: []string{low}, Path: "/var/task"}, {Sources: []string{low, high}, Path: "/opt"}})
	if err != nil {
		t.Fatal(err)
	}
	if names := h.Executables("/var/task"); !slices.Equal(names, []string{"both", "low"}) {
		t.Errorf("/var/task has %q", names)
	}
	_, printed := m.runs(h, "read", "/opt/both", "then", "read", "/opt/low", "then", "read", "/var/task/both")
	if printed != "highlowlow" {
		t.Errorf("it read %q", printed)
	}
}

// BenchmarkHeld makes a held container and has it run a program, turn by turn with runc, as BenchmarkTask.
//
//	go test -run - -bench Held -benchtime 50x ./engine/containerd
func BenchmarkHeld(b *testing.B) {
	m := newHeldMachine(b)
	clock := phases{}
	code := filepath.Join(b.TempDir(), "code")
	if err := os.Mkdir(code, 0o755); err != nil {
		b.Fatal(err)
	}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	bundle := runcBundle(b, m.e, m.image)
	for b.Loop() {
		runcRun(b, bundle, clock)
		var h engine.Held
		must(clock.time("hold-ms", func() (err error) { h, err = m.e.Hold(b.Context(), m.spec()); return err })())
		must(clock.time("mount-ms", func() error {
			return h.Mount(b.Context(), []engine.HeldMount{{Sources: []string{code}, Path: "/var/task"}})
		})())
		must(clock.time("listen-ms", func() error {
			l, err := h.Listen(b.Context(), 9001)
			if err == nil {
				l.Close()
			}
			return err
		})())
		must(clock.time("run-ms", func() error {
			_, err := h.Run(b.Context(), engine.Program{Entrypoint: []string{enginetest.ProgramPath}, Command: []string{"stubborn"}})
			return err
		})())
		must(clock.time("end-ms", func() error { return h.End(context.Background()) })())
	}
	clock.report(b)
}

// Hold tells of a program before that has become the leader of a group: a signal in between is not lost.
func TestWhatLeadsNoGroupYetIsSignalled(t *testing.T) {
	program := exec.Command("sleep", "1000")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	if err := signalGroup(program.Process.Pid, unix.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := program.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	if err := signalGroup(program.Process.Pid, unix.SIGKILL); err != nil {
		t.Errorf("what has ended: %v", err)
	}
}
