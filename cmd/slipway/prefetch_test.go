package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Two machines fetch an image ahead of tasks, tell how busy they are, and that one of them has no engine for a while.
func TestMachinesTellHowTheyAre(t *testing.T) {
	t.Parallel()
	l := newLan(t, 2)
	c := l.startHead()
	c.pushApp()
	c.registerApp("app")
	var agents []*agentProcess
	for i := range l.machines {
		agents = append(agents, l.join(c, i))
	}
	within(t, "two machines to be there", func() bool { return c.here("default") == 2 })

	t.Run("an image is fetched ahead", func(t *testing.T) { fetchedAhead(t, c) })
	t.Run("the load is measured", func(t *testing.T) {
		within(t, "both to tell it", func() bool {
			code, said := runToEnd(t, "top", "--data", c.data, "-o", "json")
			return code == 0 && strings.Count(said, "busyMemoryPercent") == 2
		})
	})
	t.Run("a silent engine is told", func(t *testing.T) { silentEngine(t, c, l.instanceOfDefault(c, agents[0]), agents[0].data) })
}

func (l *lan) instanceOfDefault(c *cloud, a *agentProcess) string {
	l.t.Helper()
	for _, i := range c.instances("default") {
		if strings.HasSuffix(*i.ContainerInstanceArn, "/"+a.id()) {
			return *i.ContainerInstanceArn
		}
	}
	l.t.Fatalf("machine %s is not there", a.id())
	return ""
}

func fetchedAhead(t *testing.T, c *cloud) {
	for range 2 { // again is the same
		code, said := runToEnd(t, "prefetch", "voyage/app:v1", "--data", c.data, "--wait")
		if code != 0 || !strings.Contains(said, ": 2 of 2 machines have it") {
			t.Fatalf("exit code %d: %s", code, said)
		}
	}
	code, said := runToEnd(t, "prefetch", "ls", "--data", c.data, "-o", "json")
	var all []prefetchRow
	if err := json.Unmarshal([]byte(said), &all); err != nil || code != 0 || len(all) != 1 || all[0].Machines[1].Size == 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, said)
	}
	code, said = runToEnd(t, "prefetch", "nowhere.invalid/app", "--data", c.data, "--wait")
	if code != 1 || !strings.Contains(said, "cannot fetch nowhere.invalid/app") || !strings.Contains(said, "slipway prefetch rm") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if code, said := runToEnd(t, "prefetch", "rm", all[0].ID[:12], "--data", c.data); code != 0 {
		t.Errorf("exit code %d: %s", code, said)
	}
	if _, said := runToEnd(t, "prefetch", "ls", "--data", c.data); strings.Contains(said, "voyage/app") || !strings.Contains(said, "nowhere.invalid") {
		t.Errorf("then there are:\n%s", said)
	}
}

// silentEngine stops a machine's containerd, and lets it go on.
func silentEngine(t *testing.T, c *cloud, instance, data string) {
	pid := containerdOf(t, data)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	is := func(want types.InstanceHealthCheckState) func() bool {
		return func() bool {
			out, err := c.ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
				ContainerInstances: []string{instance}, Include: []types.ContainerInstanceField{types.ContainerInstanceFieldContainerInstanceHealth},
			})
			return err == nil && out.ContainerInstances[0].HealthStatus.OverallStatus == want
		}
	}
	within(t, "the machine to be impaired", is(types.InstanceHealthCheckStateImpaired))
	out, err := c.ecs.StartTask(t.Context(), &ecs.StartTaskInput{TaskDefinition: aws.String("app"), ContainerInstances: []string{instance}})
	if err != nil || len(out.Failures) != 1 || *out.Failures[0].Reason != "AGENT" {
		t.Errorf("a task on it: %+v, %v", out, err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	within(t, "it to be well again", is(types.InstanceHealthCheckStateOk))
	c.untilIn("default", "STOPPED", c.startOn("default", "app", instance, "exit", "0"))
}

// containerdOf finds the containerd of a node's data folder.
func containerdOf(t *testing.T, data string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, _ := os.ReadFile(file)
		if strings.Contains(string(line), filepath.Join(data, "containerd.toml")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("no containerd of %s runs", data)
	return 0
}
