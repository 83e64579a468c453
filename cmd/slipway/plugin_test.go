package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"slipway/engine/enginetest"
)

// The aws command and its genuine plugin, at a terminal.
func TestExecuteCommandOfAWS(t *testing.T) {
	t.Parallel()
	plugin := filepath.Dir(program(t, "session-manager-plugin"))
	c := startCloud(t)
	c.pushApp()
	task := c.until("RUNNING", c.open("genuine", c.app("one", "wait"), c.app("two", "wait")))

	ours, theirs := openTerminal(t)
	resize(t, ours, 91, 37)
	cmd := exec.Command(program(t, "aws"), "--endpoint-url", c.endpoint, "ecs", "execute-command", "--task", taskID(task), "--container", "two",
		"--interactive", "--command", enginetest.ProgramPath+" print 'at the  terminal' then tty then size")
	cmd.Env = append(c.env(), "PATH="+plugin+":"+os.Getenv("PATH"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	lines := bufio.NewReader(ours)
	for _, line := range []string{"Starting session with SessionId: ecs-execute-command-", "at the  terminal", "in true", "out true", "size 91x37"} {
		waitLine(t, lines, line)
	}
	resize(t, ours, 130, 44)
	waitLine(t, lines, "size 130x44")
	ours.Write([]byte{3}) // Ctrl-C, which the plugin passes on
	waitLine(t, lines, "Exiting session with sessionId: ecs-execute-command-")
	cmd.Wait()
	want(t, fmt.Sprint(cmd.ProcessState.ExitCode()), "0")
	within(t, "the program to end", func() bool { return !hasProcess("at the  terminal") })
}
