package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/engine/enginetest"
)

// startServices is a cloud with the image hello:v1, whose services go before its tasks are stopped.
func startServices(t *testing.T) *cloud {
	t.Helper()
	c := startCloud(t)
	t.Cleanup(c.deleteServices)
	dir := t.TempDir()
	if _, err := enginetest.Compile(dir, "slipway/engine/enginetest/program"); err != nil {
		t.Fatal(err)
	}
	c.do(c.slipway("push", filepath.Join(dir, "program"), "hello:v1"))
	return c
}

func (c *cloud) deleteServices() {
	ctx := context.Background() // that of the test has ended
	all, err := c.services(ctx, "")
	if err != nil {
		c.t.Errorf("services: %v", err)
	}
	for _, s := range all {
		if _, err := c.tryAWS("ecs", "delete-service", "--force", "--cluster", *s.ClusterArn, "--service", *s.ServiceName); err != nil {
			c.t.Errorf("delete service %s: %v", *s.ServiceName, err)
		}
	}
	within(c.t, "the services to be gone", func() bool {
		left, err := c.services(ctx, "")
		return err == nil && len(left) == 0
	})
}

// steps runs commands of ours, each of which is to end with a code and say something.
func (c *cloud) steps(steps []step) {
	c.t.Helper()
	for _, s := range steps {
		cmd := c.slipway(s.command...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != s.code || !strings.Contains(string(out), s.says) {
			c.t.Fatalf("slipway %s ends with %d and says\n%s\nwant %d and %q", strings.Join(s.command, " "), code, out, s.code, s.says)
		}
	}
}

type step struct {
	command []string
	code    int
	says    string
}

func words(text string) []string { return strings.Fields(text) }

// What a person does with a service, from the first image to the last.
func TestAServiceAsPeopleUseIt(t *testing.T) {
	t.Parallel()
	c := startServices(t)
	c.steps([]step{
		{words("deploy web hello:v1 --count 2 -- wait"), 0, "web is steady: 2 of web:1"},
		{words("services"), 0, "web      default  web:1       2/2      steady"},
		{words("deploy web hello:v1 -e COLOUR=blue"), 0, "web is steady: 2 of web:2"},
		{words("deploy web hello:none"), 1, "the rollout failed and was taken back, web:2 runs again"},
		{words("deploy web hello:v1 -- exit 3"), 1, "the rollout failed and was taken back, web:2 runs again"},
		{words("services web"), 0, "PRIMARY  web:2 2/2 running"},
		{words("scale web 3"), 0, "web is steady: 3 of web:2"},
		{words("rollback web"), 0, "web is steady: 3 of web:1"},
		{words("deploy web --definition web:2"), 0, "web is steady: 3 of web:2"},
		{words("rebalance --dry-run"), 0, "nothing to move"},
		{words("scale web 0"), 0, "web is steady: 0 of web:2"},
	})
	if out := c.do(c.slipway("services", "-o", "json")); !strings.Contains(out, `"schedulingStrategy": "REPLICA"`) {
		t.Errorf("services -o json: %s", out)
	}
}

// The same by the genuine aws command: its waiters see services become steady, and go.
func TestAServiceByTheAWSCommand(t *testing.T) {
	t.Parallel()
	c := startServices(t)
	c.steps([]step{{words("deploy web hello:v1 --count 2 --detach -- wait"), 0, "web: deploying web:1"}})
	c.aws("ecs", "wait", "services-stable", "--services", "web")
	before := c.aws("ecs", "list-tasks", "--service-name", "web", "--query", "sort(taskArns)")
	c.aws("ecs", "update-service", "--service", "web", "--force-new-deployment")
	c.aws("ecs", "wait", "services-stable", "--services", "web")
	if after := c.aws("ecs", "list-tasks", "--service-name", "web", "--query", "sort(taskArns)"); after == before {
		t.Errorf("after a forced deployment there are the same tasks: %s", after)
	}
	got := c.aws("ecs", "describe-services", "--services", "web", "--query", "services[0].[runningCount,deployments[0].rolloutState,length(deployments)]", "--output", "text")
	want(t, strings.Join(strings.Fields(got), " "), "2 COMPLETED 1")
	group := strings.TrimSpace(c.aws("elbv2", "create-target-group", "--name", "web", "--protocol", "TCP", "--port", "80", "--target-type", "ip", "--query", "TargetGroups[0].TargetGroupArn", "--output", "text"))
	c.steps([]step{{words("deploy web hello:v1 -p 8080 --detach --target-group " + group), 0, "web: deploying web:2"}})
	got = c.aws("ecs", "describe-services", "--services", "web", "--query", "services[0].loadBalancers[0].[targetGroupArn,containerName,containerPort]", "--output", "text")
	want(t, strings.Join(strings.Fields(got), " "), group+" web 8080")
	c.aws("ecs", "delete-service", "--service", "web", "--force")
	c.aws("ecs", "wait", "services-inactive", "--services", "web")
}

// What is interrupted goes on, or back, as was asked.
func TestARolloutIsInterrupted(t *testing.T) {
	t.Parallel()
	c := startServices(t)
	c.steps([]step{{words("deploy web hello:v1 -- wait"), 0, "web is steady: 1 of web:1"}})

	// No machine has so much memory, so these never come to an end.
	out, code := c.interrupted("deploy", "web", "hello:v1", "--memory", "100000000", "--rollback-on-interrupt")
	if code != codeInterrupted || !strings.Contains(out, "the rollout is taken back") || !strings.Contains(out, "web is steady: 1 of web:1") {
		t.Errorf("it ends with %d and says\n%s", code, out)
	}
	out, code = c.interrupted("deploy", "web", "hello:v1", "--memory", "100000000")
	if code != codeInterrupted || !strings.Contains(out, "the rollout goes on") {
		t.Errorf("it ends with %d and says\n%s", code, out)
	}
	c.steps([]step{
		{words("deploy web hello:v1 --memory 100000000 --timeout 1s"), 1, "web is not steady after 1s"},
		{words("services"), 0, "rolling out"},
		{words("rollback web"), 0, "web is steady: 1 of web:1"},
	})
	out, code = c.interrupted("deploy", "new", "hello:v1", "--memory", "100000000", "--rollback-on-interrupt")
	if code != codeInterrupted || !strings.Contains(out, "new was not there before, and is taken away") {
		t.Errorf("it ends with %d and says\n%s", code, out)
	}
}

// interrupted runs a command of ours and presses Ctrl-C once it tells of progress.
func (c *cloud) interrupted(args ...string) (said string, code int) {
	c.t.Helper()
	cmd, out := c.slipway(args...), &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	within(c.t, "progress to be told", func() bool { return strings.Contains(out.String(), "running") })
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	return out.String(), cmd.ProcessState.ExitCode()
}
