package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"slipway/engine/enginetest"
	"slipway/internal/datachannel"
)

// Commands in running containers, as people run them.
func TestExec(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	c.pushApp()
	task := c.until("RUNNING", c.open("inside", c.app("one", "wait"), c.app("two", "wait")))

	t.Run("what it prints, and its exit code", func(t *testing.T) {
		stdout, stderr, code := c.execs(nil, taskID(task), "-c", "one", "--", enginetest.ProgramPath,
			"print", "it's  one", "", "then", "warn", "careful", "then", "exit", "7")
		want(t, stdout, "it's  one\n\n")
		want(t, stderr, "careful\n")
		want(t, fmt.Sprint(code), "7")
	})
	t.Run("a megabyte there and back", func(t *testing.T) {
		megabyte := make([]byte, 1<<20)
		rand.Read(megabyte)
		stdout, stderr, code := c.execs(megabyte, taskID(task), "-i", "-c", "one", "--", enginetest.ProgramPath, "cat")
		if stdout != string(megabyte) || code != 0 {
			t.Errorf("code %d, %d bytes came back of %d: %s", code, len(stdout), len(megabyte), stderr)
		}
	})
	t.Run("what never reads", func(t *testing.T) {
		stdout, _, code := c.execs(make([]byte, 4<<20), taskID(task), "-i", "-c", "one", "--", enginetest.ProgramPath, "print", "done")
		want(t, stdout, "done\n")
		want(t, fmt.Sprint(code), "0")
	})
	t.Run("what cannot be run", func(t *testing.T) { notRun(t, c, task) })
	t.Run("a terminal", func(t *testing.T) { inTerminal(t, c, task) })
	t.Run("tokens", func(t *testing.T) { tokens(t, c, task) })
	t.Run("who goes away", func(t *testing.T) {
		cmd, said := c.execBegins(task, "one", "of who goes away")
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		within(t, "the program to end: "+said.String(), func() bool { return !hasProcess("of who goes away") })
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		cmd, _ := c.execBegins(task, "one", "of who interrupts")
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		want(t, fmt.Sprint(cmd.ProcessState.ExitCode()), "130")
		within(t, "the program to end", func() bool { return !hasProcess("of who interrupts") })
	})
	t.Run("kill -9 of Slipway", func(t *testing.T) {
		cmd, _ := c.execBegins(task, "one", "of the crash")
		c.kill()
		cmd.Wait()
		want(t, fmt.Sprint(cmd.ProcessState.ExitCode()), "1")
		c.restart()
		c.connected(true)
		within(t, "the program to end", func() bool { return !hasProcess("of the crash") })
		within(t, "another one to run", func() bool {
			stdout, _, _ := c.execs(nil, taskID(task), "-c", "one", "--", enginetest.ProgramPath, "print", "again")
			return stdout == "again\n"
		})
	})
	t.Run("a task that stops", func(t *testing.T) {
		cmd, said := c.execBegins(task, "two", "of who stops")
		c.stop(task)
		cmd.Wait()
		want(t, fmt.Sprint(cmd.ProcessState.ExitCode()), "137")
		within(t, "the program to end: "+said.String(), func() bool { return !hasProcess("of who stops") })
		_, stderr, _ := c.execs(nil, taskID(task), "-c", "one", "--", enginetest.ProgramPath)
		contains(t, "exec in a stopped task", stderr, "The container is not running.")
	})
}

// A node elsewhere dials back over its own line, and ends what runs when the control plane is gone.
func TestExecOnAJoinedNode(t *testing.T) {
	t.Parallel()
	needRoot(t)
	c := startServer(t)
	joinAgent(t, c)
	c.pushApp()
	c.connected(true)
	task := c.until("RUNNING", c.open("away", c.app("one", "wait")))
	stdout, _, code := c.execs([]byte("over the wire\n"), taskID(task), "-i", "--", enginetest.ProgramPath, "cat", "then", "exit", "3")
	want(t, stdout, "over the wire\n")
	want(t, fmt.Sprint(code), "3")

	cmd, _ := c.execBegins(task, "one", "of the lost plane")
	c.kill()
	cmd.Wait()
	within(t, "the program to end without the control plane", func() bool { return !hasProcess("of the lost plane") })
	c.restart()
	c.connected(true)
}

// open runs one task in whose containers commands may be run.
func (c *cloud) open(family string, containers ...types.ContainerDefinition) types.Task {
	c.t.Helper()
	return c.define(&ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: containers}, &ecs.RunTaskInput{EnableExecuteCommand: true})
}

// execs runs "slipway exec" to its end.
func (c *cloud) execs(stdin []byte, args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	cmd := c.slipway(append([]string{"exec"}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errOut
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		c.t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// execBegins runs a program in a container that prints text and goes on for ever.
func (c *cloud) execBegins(task types.Task, container, text string) (*exec.Cmd, *syncBuffer) {
	c.t.Helper()
	cmd, out := c.slipway("exec", taskID(task), "-c", container, "--", enginetest.ProgramPath, "print", text, "then", "stubborn"), &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	within(c.t, "the program to begin", func() bool { return strings.Contains(out.String(), text+"\n") })
	return cmd, out
}

func notRun(t *testing.T, c *cloud, task types.Task) {
	closed := c.until("RUNNING", c.run("closed", c.app("one", "wait")))
	defer c.stop(closed)
	for _, r := range []struct {
		args  []string
		code  int
		words string
	}{
		{[]string{taskID(task), "-c", "one", "--", "/missing/program"}, 126, "/missing/program"},
		{[]string{taskID(task), "--", "/any"}, 1, "Container name must be provided for tasks with multiple containers."},
		{[]string{taskID(task), "-c", "three", "--", "/any"}, 1, "The container was not found in the task."},
		{[]string{taskID(closed), "--", "/any"}, 1, "The execute command failed because execute command was not enabled when the task was run"},
		{[]string{"0123456789abcdef", "--", "/any"}, 1, "no task"},
		{[]string{taskID(task), "-t", "-c", "one", "--", "/any"}, 1, "standard input is not a terminal"},
	} {
		_, stderr, code := c.execs(nil, r.args...)
		if code != r.code || !strings.Contains(stderr, r.words) {
			t.Errorf("exec %q: code %d, %q; want %d, %q", r.args, code, stderr, r.code, r.words)
		}
	}
}

// inTerminal has a terminal in the container that is as large as ours, and our keys there.
func inTerminal(t *testing.T, c *cloud, task types.Task) {
	ours, theirs := openTerminal(t)
	resize(t, ours, 77, 33)
	cmd := c.slipway("exec", "-it", taskID(task), "-c", "one", "--", enginetest.ProgramPath, "tty", "then", "size")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	lines := bufio.NewReader(ours)
	waitLine(t, lines, "in true")
	waitLine(t, lines, "size 77x33")
	resize(t, ours, 120, 50)
	waitLine(t, lines, "size 120x50")
	ours.Write([]byte{3}) // Ctrl-C, for the program
	cmd.Wait()
	want(t, fmt.Sprint(cmd.ProcessState.ExitCode()), "2") // as programs in Go end by it
}

func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func resize(t *testing.T, f *os.File, cols, rows uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: cols, Row: rows}); err != nil {
		t.Fatal(err)
	}
}

// A token begins its own session, once.
func tokens(t *testing.T, c *cloud, task types.Task) {
	admit := func() *types.Session {
		out, err := c.ecs.ExecuteCommand(t.Context(), &ecs.ExecuteCommandInput{
			Task: task.TaskArn, Container: aws.String("one"), Command: aws.String(enginetest.ProgramPath + " cat"), Interactive: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.Session
	}
	one, other := admit(), admit()
	for _, wrong := range []string{"", "x", *other.TokenValue, strings.ToUpper(*one.TokenValue)} {
		if why := dialed(t, *one.StreamUrl, wrong); why == nil {
			t.Errorf("the token %q is taken", wrong)
		}
	}
	first, err := dialTalk(t.Context(), *one.StreamUrl, *one.TokenValue)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	again := dialed(t, *one.StreamUrl, *one.TokenValue)
	missing := dialed(t, strings.Replace(*one.StreamUrl, *one.SessionId, "ecs-execute-command-00000000000000000000000000000000", 1), *one.TokenValue)
	if again == nil || missing == nil || again.Error() != missing.Error() {
		t.Errorf("a used token: %v; no session: %v", again, missing)
	}
	for _, text := range []string{*one.TokenValue, *other.TokenValue} {
		if strings.Contains(c.log.String(), text) {
			t.Error("a token is in the log")
		}
	}
}

// dialed is why a channel does not open.
func dialed(t *testing.T, url, token string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	open, err := json.Marshal(datachannel.Open{TokenValue: token})
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Write(ctx, websocket.MessageText, open); err != nil {
		return err
	}
	_, _, err = ws.Read(ctx)
	return err
}
