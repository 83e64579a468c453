package hold

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// held is a program that runs in a PID namespace of its own.
type held struct {
	*testing.T
	cmd    *exec.Cmd
	line   net.Conn
	output string
	aside  string
}

func hold(t *testing.T) *held {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("SLIPWAY_TEST_ALL") != "" {
			t.Fatal("needs root, for a PID namespace")
		}
		t.Skip("needs root, for a PID namespace")
	}
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "socket"), filepath.Join(dir, "hold")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	program, err := Program(socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, program, 0o755); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	aside, err := os.Create(filepath.Join(dir, "aside"))
	if err != nil {
		t.Fatal(err)
	}
	defer aside.Close()
	h := &held{T: t, cmd: exec.Command(file), output: output.Name(), aside: aside.Name()}
	h.cmd.Stdout, h.cmd.Stderr, h.cmd.ExtraFiles = output, output, []*os.File{aside}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if h.line, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.line.Close()
		h.cmd.Wait()
	})
	return h
}

func (h *held) tell(path string, args, env []string, dir string) {
	h.Helper()
	h.tellTo(Main, path, args, env, dir)
}

func (h *held) tellTo(out Output, path string, args, env []string, dir string) {
	h.Helper()
	command, err := Command(path, args, env, dir, out)
	if err != nil {
		h.Fatal(err)
	}
	if _, err := h.line.Write(command); err != nil {
		h.Fatal(err)
	}
}

func (h *held) hear() Event {
	h.Helper()
	var b [EventSize]byte
	if _, err := io.ReadFull(h.line, b[:]); err != nil {
		h.Fatal(err)
	}
	return ReadEvent(b[:])
}

// hears waits for the end of a program, and wants it to be as told.
func (h *held) ends(pid int, status uint32) {
	h.Helper()
	if e := h.hear(); e != (Event{Ended, pid, status}) {
		h.Errorf("heard %+v, want the end of %d with %d", e, pid, status)
	}
}

func (h *held) started() int {
	h.Helper()
	e := h.hear()
	if e.Kind != Started || e.Pid < 3 {
		h.Fatalf("heard %+v, want a start", e)
	}
	return e.Pid
}

func TestProgramsAreStartedAndTheirEndsTold(t *testing.T) {
	h := hold(t)
	h.tell("/bin/sh", []string{"sh", "-c", `echo "$0 $FIRST $(pwd)"; exit 3`, "argument"}, []string{"FIRST=1", "PATH=/bin:/usr/bin"}, "/usr")
	h.ends(h.started(), 3<<8)
	printed, err := os.ReadFile(h.output)
	if want := "argument 1 /usr\n"; err != nil || string(printed) != want {
		t.Errorf("it printed %q, %v; want %q", printed, err, want)
	}
	h.tell("/bin/sh", []string{"sh", "-c", "kill -9 $$"}, nil, "/")
	h.ends(h.started(), 9)
}

// Each program prints where it is told to, by both ways, and has nothing else open.
func TestWhereProgramsPrint(t *testing.T) {
	h := hold(t)
	const printing = `echo out; echo err >&2; for fd in 3 4 5 6; do if [ -e /proc/self/fd/$fd ]; then readlink /proc/self/fd/$fd; fi; done`
	for _, out := range []Output{Main, Aside, Main} {
		h.tellTo(out, "/bin/sh", []string{"sh", "-c", printing}, []string{"PATH=/bin:/usr/bin"}, "/")
		h.ends(h.started(), 0)
	}
	for file, want := range map[string]string{h.output: "out\nerr\nout\nerr\n", h.aside: "out\nerr\n"} {
		if printed, err := os.ReadFile(file); err != nil || string(printed) != want {
			t.Errorf("%s has %q, %v; want %q", filepath.Base(file), printed, err, want)
		}
	}
}

func TestTwoProgramsRunAtATime(t *testing.T) {
	h := hold(t)
	h.tell("/bin/sleep", []string{"sleep", "1000"}, nil, "/")
	first := h.started()
	h.tell("/bin/sh", []string{"sh", "-c", "exit 0"}, nil, "/")
	h.ends(h.started(), 0)
	h.tell("/bin/sh", []string{"sh", "-c", "kill " + string(rune('0'+first))}, nil, "/")
	second := h.started()
	ended := map[int]uint32{}
	for range 2 {
		e := h.hear()
		ended[e.Pid] = e.Status
	}
	if ended[first] != 15 || ended[second] != 0 {
		t.Errorf("the ends are %v", ended)
	}
}

func TestWhatCannotBeExecutedIsToldBeforeItsEnd(t *testing.T) {
	for _, row := range []struct {
		path, dir string
		kind      Kind
		errno     syscall.Errno
	}{
		{"/no/such/file", "/", Failed, syscall.ENOENT},
		{"/etc", "/", Failed, syscall.EACCES},
		{"/bin/sh", "/no/such/folder", NoFolder, syscall.ENOENT},
	} {
		h := hold(t)
		h.tell(row.path, []string{row.path}, nil, row.dir)
		heard := map[Kind]Event{}
		for range 3 {
			e := h.hear()
			heard[e.Kind] = e
		}
		pid := heard[Started].Pid
		if told := heard[row.kind]; told.Pid != pid || told.Status != uint32(row.errno) {
			t.Errorf("%s in %s: heard %+v, want errno %d", row.path, row.dir, told, row.errno)
		}
		if end := heard[Ended]; end.Pid != pid || end.Status != 127<<8 {
			t.Errorf("%s in %s: heard %+v", row.path, row.dir, end)
		}
	}
}

func TestOrphansAreReaped(t *testing.T) {
	h := hold(t)
	h.tell("/bin/sh", []string{"sh", "-c", "(exit 5) & exec sleep 0"}, nil, "/")
	pid := h.started()
	ended := map[int]uint32{}
	for range 2 {
		e := h.hear()
		ended[e.Pid] = e.Status
	}
	if status, there := ended[pid]; !there || status != 0 || len(ended) != 2 {
		t.Errorf("the ends are %v", ended)
	}
}

func TestAllEndsWithTheConnection(t *testing.T) {
	h := hold(t)
	h.tell("/bin/sleep", []string{"sleep", "1000"}, nil, "/")
	h.started()
	h.line.Close()
	err := h.cmd.Wait()
	if exit, is := errors.AsType[*exec.ExitError](err); !is || exit.ExitCode() != 127 {
		t.Errorf("it ended with %v", err)
	}
}

func TestLongCommands(t *testing.T) {
	h := hold(t)
	long := strings.Repeat("x", 100_000)
	h.tell("/bin/sh", []string{"sh", "-c", `test ${#LONG} = 100000 && test ${#0} = 100000`, long}, []string{"LONG=" + long}, "/")
	h.ends(h.started(), 0)
	if _, err := Command("/", make([]string, MaxCommand/8), nil, "/", Main); !errors.Is(err, ErrTooLong) {
		t.Errorf("a command that is too long: %v", err)
	}
}

// Outside of a namespace of its own it ends at once, and takes nobody with it.
func TestNothingHappensOutsideOfANamespace(t *testing.T) {
	program, err := Program("/no/such/socket")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hold")
	if err := os.WriteFile(file, program, 0o755); err != nil {
		t.Fatal(err)
	}
	err = exec.Command(file).Run()
	if exit, is := errors.AsType[*exec.ExitError](err); !is || exit.ExitCode() != 127 {
		t.Errorf("it ended with %v", err)
	}
	if _, err := Program(strings.Repeat("x", mostPath+1)); err == nil {
		t.Error("a path that is too long is taken")
	}
}
