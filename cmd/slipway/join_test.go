package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/engine/enginetest"
	"slipway/store/storetest"
)

// A control plane and a node in two processes: each may be killed under running tasks and started
// again, and no exit is lost, nor a line of what was printed.
func TestJoin(t *testing.T) {
	t.Parallel()
	needRoot(t)
	c := startServer(t)
	a := joinAgent(t, c)
	c.pushApp()
	c.connected(true)

	t.Run("a task", func(t *testing.T) {
		task := c.until("STOPPED", c.run("hello", c.app("app", "print", "ahoy", "then", "exit", "3")))
		want(t, fmt.Sprint(*task.Containers[0].ExitCode), "3")
		want(t, c.printed(task), "ahoy\n")
	})
	t.Run("a second agent in the same folder", func(t *testing.T) {
		code, said := runToEnd(t, a.args...)
		if code != 1 || !strings.Contains(said, a.data) || !strings.Contains(said, "\nhint: stop the other one, or give this one a folder of its own") {
			t.Errorf("exit code %d: %s", code, said)
		}
	})
	t.Run("kill -9 of the agent", func(t *testing.T) {
		long := c.until("RUNNING", c.run("long", c.app("app", "print", "long of the agent", "then", "wait", "4")))
		short := c.until("RUNNING", c.run("short", c.app("app", "sleep", "2s", "then", "print", "short of the agent", "then", "exit", "6")))
		pid := containerPid(t, "long of the agent")
		a.kill()
		c.connected(false)
		within(t, "the short one to end while nobody watches", func() bool { return !hasProcess("short of the agent") })
		a.start()
		short = c.until("STOPPED", short)
		want(t, fmt.Sprint(*short.Containers[0].ExitCode), "6")
		want(t, c.printed(short), "short of the agent\n")
		want(t, containerPid(t, "long of the agent"), pid)
		want(t, fmt.Sprint(*c.stop(long).Containers[0].ExitCode), "4")
	})
	t.Run("kill -9 of the control plane", func(t *testing.T) {
		long := c.until("RUNNING", c.run("long", c.app("app", "print", "long of the plane", "then", "wait", "4")))
		short := c.until("RUNNING", c.run("short", c.app("app", "sleep", "2s", "then", "print", "short of the plane", "then", "exit", "6")))
		pid := containerPid(t, "long of the plane")
		c.kill()
		within(t, "the short one to end while nobody can be told", func() bool { return !hasProcess("short of the plane") })
		c.restart()
		short = c.until("STOPPED", short)
		want(t, fmt.Sprint(*short.Containers[0].ExitCode), "6")
		want(t, c.printed(short), "short of the plane\n")
		want(t, containerPid(t, "long of the plane"), pid)
		want(t, fmt.Sprint(*c.stop(long).Containers[0].ExitCode), "4")
		want(t, c.printed(long), "long of the plane\nwaiting\ngot SIGTERM\n")
	})
}

// The rows in PostgreSQL: the voyage in short, with a kill -9 in the middle.
func TestPostgresVoyage(t *testing.T) {
	t.Parallel()
	needRoot(t)
	url := storetest.PostgresURL(t) // before the cloud, so that it outlives it
	c := startCloud(t, "--store", url)
	c.pushApp()
	if _, err := os.Stat(filepath.Join(c.data, "slipway.db")); err == nil {
		t.Error("there is an SQLite file all the same")
	}
	long := c.until("RUNNING", c.run("long", c.app("app", "print", "long of postgres", "then", "wait", "4")))
	short := c.until("RUNNING", c.run("short", c.app("app", "sleep", "2s", "then", "print", "short of postgres", "then", "exit", "6")))
	pid := containerPid(t, "long of postgres")
	before := c.everything()

	c.kill()
	within(t, "the short one to end while nobody watches", func() bool { return !hasProcess("short of postgres") })
	c.restart()

	want(t, c.everything(), before)
	short = c.until("STOPPED", short)
	want(t, fmt.Sprint(*short.Containers[0].ExitCode), "6")
	want(t, c.printed(short), "short of postgres\n")
	want(t, containerPid(t, "long of postgres"), pid)
	want(t, fmt.Sprint(*c.stop(long).Containers[0].ExitCode), "4")
	again := c.until("STOPPED", c.run("hello", c.app("app", "print", "ahoy", "then", "exit", "3")))
	want(t, c.printed(again), "ahoy\n")
}

// pushApp pushes the image that cloud.app runs.
func (c *cloud) pushApp() {
	c.t.Helper()
	if _, err := c.ecr.CreateRepository(c.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("voyage/app")}); err != nil {
		c.t.Fatal(err)
	}
	enginetest.Push(c.t, c.host()+"/voyage/app:v1", enginetest.Image(c.t), remote.WithAuth(c.registryLogin()))
}

// connected waits until the default cluster's one node is, or is no longer, connected.
func (c *cloud) connected(is bool) {
	c.t.Helper()
	within(c.t, fmt.Sprintf("a node that is connected: %v", is), func() bool {
		list, err := c.ecs.ListContainerInstances(c.t.Context(), &ecs.ListContainerInstancesInput{})
		if err != nil || len(list.ContainerInstanceArns) != 1 {
			return false
		}
		out, err := c.ecs.DescribeContainerInstances(c.t.Context(), &ecs.DescribeContainerInstancesInput{ContainerInstances: list.ContainerInstanceArns})
		return err == nil && len(out.ContainerInstances) == 1 && out.ContainerInstances[0].AgentConnected == is
	})
}

// agentProcess is a running "slipway agent".
type agentProcess struct {
	t       testing.TB
	data    string
	machine string // the network namespace that it is in; "": the test's
	args    []string
	cmd     *exec.Cmd
	ended   chan struct{}
	log     *syncBuffer
}

// joinAgent starts a node that joins c. When the test ends its tasks are stopped, and then it is.
func joinAgent(t *testing.T, c *cloud) *agentProcess {
	t.Helper()
	data := t.TempDir()
	a := &agentProcess{t: t, data: data, log: &syncBuffer{}, args: []string{"agent", "--data", data, "--join", c.nodes, "--token", c.invite()}}
	a.start()
	t.Cleanup(func() { c.endNode(data, a.end) })
	return a
}

// invite gets a token by which a machine may join.
func (c *cloud) invite(args ...string) string {
	c.t.Helper()
	code, said := runToEnd(c.t, append([]string{"node", "invite", "--data", c.data}, args...)...)
	if code != 0 {
		c.t.Fatalf("slipway node invite: %s", said)
	}
	return strings.TrimSpace(said)
}

func (a *agentProcess) start() {
	a.t.Helper()
	a.cmd = exec.Command("slipway", a.args...)
	if a.machine != "" { // which leaves the rest of the machine as it is, cgroups above all
		a.cmd = exec.Command("nsenter", append([]string{"--net=/run/netns/" + a.machine, "slipway"}, a.args...)...)
	}
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	a.ended = make(chan struct{})
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	cmd, ended := a.cmd, a.ended // a has others when it is started again
	go func() { cmd.Wait(); close(ended) }()
}

func (a *agentProcess) kill() {
	a.cmd.Process.Signal(syscall.SIGKILL)
	<-a.ended
}

func (a *agentProcess) end() {
	a.t.Helper()
	a.cmd.Process.Signal(syscall.SIGTERM)
	<-a.ended
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		a.t.Errorf("slipway agent ended with %s", a.cmd.ProcessState)
	}
	if a.t.Failed() {
		a.t.Logf("slipway agent said:\n%s", a.log)
	}
}

// endAtOnce does not let it wait for anything.
func (a *agentProcess) endAtOnce() {
	for {
		a.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-a.ended:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// id is the id of the agent's node.
func (a *agentProcess) id() string {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.data, "node-id"))
	if err != nil {
		a.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
