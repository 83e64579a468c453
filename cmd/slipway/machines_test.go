package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/internal/ids"
)

// instances are the machines of a cluster, by their ARNs, in the order of their names.
func (c *cloud) instances(cluster string) (all []types.ContainerInstance) {
	c.t.Helper()
	list, err := c.ecs.ListContainerInstances(c.t.Context(), &ecs.ListContainerInstancesInput{Cluster: &cluster})
	if err != nil {
		c.t.Fatal(err)
	}
	if len(list.ContainerInstanceArns) == 0 {
		return nil
	}
	out, err := c.ecs.DescribeContainerInstances(c.t.Context(), &ecs.DescribeContainerInstancesInput{Cluster: &cluster, ContainerInstances: list.ContainerInstanceArns})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.ContainerInstances
}

// here counts the machines of a cluster that are connected.
func (c *cloud) here(cluster string) (n int) {
	for _, i := range c.instances(cluster) {
		if i.AgentConnected {
			n++
		}
	}
	return n
}

// startOn runs a family's newest revision on one machine.
func (c *cloud) startOn(cluster, family, instance string, command ...string) types.Task {
	c.t.Helper()
	out, err := c.ecs.StartTask(c.t.Context(), &ecs.StartTaskInput{
		Cluster: &cluster, TaskDefinition: &family, ContainerInstances: []string{instance},
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("app"), Command: command}}},
	})
	if err != nil || len(out.Tasks) != 1 {
		c.t.Fatalf("StartTask: %+v, %v", out, err)
	}
	return out.Tasks[0]
}

// untilIn is until, for a task in any cluster.
func (c *cloud) untilIn(cluster, status string, task types.Task) types.Task {
	c.t.Helper()
	within(c.t, "task "+status, func() bool {
		out, err := c.ecs.DescribeTasks(c.t.Context(), &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: []string{*task.TaskArn}})
		if err != nil || len(out.Tasks) != 1 {
			c.t.Fatalf("%+v, %v", out, err)
		}
		task = out.Tasks[0]
		return aws.ToString(task.LastStatus) == status
	})
	return task
}

// Three machines, each in a network of its own: they join over mutual TLS, are drained, cut off, removed,
// and go with their cluster.
func TestMachines(t *testing.T) {
	t.Parallel()
	l := newLan(t, 3)
	c := l.startHead()
	if _, err := c.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("web"), Tags: []types.Tag{{Key: aws.String("slipway:force-delete"), Value: aws.String("true")}}}); err != nil {
		t.Fatal(err)
	}
	c.pushApp()
	c.registerApp("app")
	var agents []*agentProcess
	for i := range l.machines {
		agents = append(agents, l.join(c, i, "--cluster", "web"))
	}
	within(t, "three machines to be there", func() bool { return c.here("web") == 3 })

	t.Run("tasks run on each, from one registry", func(t *testing.T) {
		for _, i := range c.instances("web") {
			task := c.untilIn("web", "STOPPED", c.startOn("web", "app", *i.ContainerInstanceArn, "print", "ahoy", "then", "exit", "3"))
			want(t, fmt.Sprint(*task.Containers[0].ExitCode), "3")
			want(t, aws.ToString(task.ContainerInstanceArn), *i.ContainerInstanceArn)
		}
	})
	t.Run("a drained machine takes nothing", func(t *testing.T) { drains(t, c) })
	t.Run("a machine that is cut off goes on", func(t *testing.T) { cutOff(t, c, l, agents) })
	t.Run("a stolen token", func(t *testing.T) {
		code, said := runToEnd(t, "agent", "--data", t.TempDir(), "--join", c.nodes, "--token", agents[0].args[len(agents[0].args)-1])
		if code != 1 || !strings.Contains(said, "this token admits no node") || !strings.Contains(said, `"slipway node invite"`) {
			t.Errorf("exit code %d: %s", code, said)
		}
	})
	t.Run("a cluster goes with all that is in it", func(t *testing.T) { goes(t, c) })
}

// registerApp registers the test program as a family of one small container.
func (c *cloud) registerApp(family string) {
	c.t.Helper()
	app := c.app("app", "exit", "0")
	app.Memory, app.Cpu = aws.Int32(32), 16
	if _, err := c.ecs.RegisterTaskDefinition(c.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &family, ContainerDefinitions: []types.ContainerDefinition{app}}); err != nil {
		c.t.Fatal(err)
	}
}

func drains(t *testing.T, c *cloud) {
	first := *c.instances("web")[0].ContainerInstanceArn
	c.setInstance("web", first, types.ContainerInstanceStatusDraining)
	for range 3 {
		out, err := c.ecs.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("web"), TaskDefinition: aws.String("app")})
		if err != nil || len(out.Tasks) != 1 || *out.Tasks[0].ContainerInstanceArn == first {
			t.Fatalf("RunTask: %+v, %v", out, err)
		}
		c.untilIn("web", "STOPPED", out.Tasks[0])
	}
	c.setInstance("web", first, types.ContainerInstanceStatusActive)
}

// setInstance drains a machine, or has it take tasks again.
func (c *cloud) setInstance(cluster, instance string, status types.ContainerInstanceStatus) {
	c.t.Helper()
	_, err := c.ecs.UpdateContainerInstancesState(c.t.Context(), &ecs.UpdateContainerInstancesStateInput{Cluster: &cluster, ContainerInstances: []string{instance}, Status: status})
	if err != nil {
		c.t.Fatal(err)
	}
}

// cutOff: while its cable is pulled a machine runs on, and its tasks end; it tells so when it is back.
func cutOff(t *testing.T, c *cloud, l *lan, agents []*agentProcess) {
	at := l.instanceOf(c, agents[1])
	short := c.untilIn("web", "RUNNING", c.startOn("web", "app", at, "print", "cut off", "then", "sleep", "2s", "then", "exit", "7"))
	long := c.untilIn("web", "RUNNING", c.startOn("web", "app", at, "print", "goes on", "then", "wait", "4"))
	l.cut(1)
	within(t, "the machine to be missed", func() bool { return c.here("web") == 2 })
	within(t, "the short task to end while nobody can be told", func() bool { return !hasProcess("cut off") })
	l.mend(1)
	short = c.untilIn("web", "STOPPED", short)
	want(t, fmt.Sprint(*short.Containers[0].ExitCode), "7")
	within(t, "the machine to be back", func() bool { return c.here("web") == 3 })
	want(t, aws.ToString(c.untilIn("web", "RUNNING", long).LastStatus), "RUNNING")
	if _, err := c.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("web"), Task: long.TaskArn}); err != nil {
		t.Fatal(err)
	}
	c.untilIn("web", "STOPPED", long)
}

// instanceOf is the ARN of an agent's machine.
func (l *lan) instanceOf(c *cloud, a *agentProcess) string {
	l.t.Helper()
	node := a.id()
	all := c.instances("web")
	i := slices.IndexFunc(all, func(i types.ContainerInstance) bool { return strings.HasSuffix(*i.ContainerInstanceArn, "/"+node) })
	if i < 0 {
		l.t.Fatalf("machine %s is not there", node)
	}
	return *all[i].ContainerInstanceArn
}

func goes(t *testing.T, c *cloud) {
	for _, i := range c.instances("web") {
		c.untilIn("web", "RUNNING", c.startOn("web", "app", *i.ContainerInstanceArn, "print", "doomed", "then", "wait", "4"))
	}
	out, err := c.ecs.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("web")})
	if err != nil || *out.Cluster.Status != "DEPROVISIONING" {
		t.Fatalf("%+v, %v", out, err)
	}
	within(t, "the cluster to be gone", func() bool {
		out, err := c.ecs.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{"web"}})
		return err == nil && *out.Clusters[0].Status == "INACTIVE"
	})
	within(t, "its processes to be gone", func() bool { return !hasProcess("doomed") })
	code, said := runToEnd(t, "node", "list", "--data", c.data, "-o", "json")
	if code != 0 || strings.TrimSpace(said) != "[]" {
		t.Errorf("machines that may join still: %s", said)
	}
	_, said = runToEnd(t, "events", "--data", c.data, "--last", "1", "--type", "cluster.*")
	if !strings.Contains(said, "cluster.deleted") {
		t.Errorf("the last event is not the cluster's end: %s", said)
	}
}

var (
	chaosRounds = flag.Int("chaos.rounds", 4, "how many troubles TestChaos makes")
	chaosSeed   = flag.Uint64("chaos.seed", uint64(time.Now().UnixNano()), "seed of TestChaos and TestServicesInTheStorm")
)

// Cables are pulled, agents and the control plane killed with -9, in random order, while tasks run on three
// machines. What was acknowledged ends as its program did, with all that it printed, once.
func TestChaos(t *testing.T) {
	t.Logf("go test ./cmd/slipway -run TestChaos -chaos.rounds %d -chaos.seed %d", *chaosRounds, *chaosSeed)
	dice := rand.New(rand.NewPCG(*chaosSeed, 0))
	l := newLan(t, 3)
	c := l.startHead()
	c.pushApp()
	c.registerApp("app")
	h := &chaosTest{crashTest: crashTest{cloud: c}, lan: l}
	for i := range l.machines {
		h.agents = append(h.agents, l.join(c, i))
	}
	within(t, "three machines to be there", func() bool { return c.here("default") == 3 })
	for _, i := range c.instances("default") {
		h.machines = append(h.machines, *i.ContainerInstanceArn)
	}
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for worker := range 2 {
		workers.Go(func() { h.startTasks(stop, rand.New(rand.NewPCG(*chaosSeed, uint64(10+worker)))) })
	}
	for range *chaosRounds {
		time.Sleep(time.Duration(100+dice.IntN(1400)) * time.Millisecond)
		h.trouble(dice)
	}
	time.Sleep(time.Second)
	close(stop)
	workers.Wait()
	t.Logf("%d troubles; %d tasks were acknowledged", *chaosRounds, len(h.tasks))
	if len(h.tasks) == 0 {
		t.Fatal("nothing was acknowledged: the test shows nothing")
	}
	h.checkTasks()
	within(t, "all resources to be back", func() bool {
		return !slices.ContainsFunc(c.instances("default"), func(i types.ContainerInstance) bool {
			return i.RunningTasksCount > 0 || resourcesText(i.RemainingResources) != resourcesText(i.RegisteredResources)
		})
	})
	within(t, "no process of a container to be left", func() bool { return !hasProcess("then print end then exit") })
}

type chaosTest struct {
	crashTest
	lan      *lan
	agents   []*agentProcess
	machines []string // ARNs
}

// trouble makes one, and mends it after a while.
func (h *chaosTest) trouble(dice *rand.Rand) {
	h.t.Helper()
	i, while := dice.IntN(len(h.agents)), time.Duration(dice.IntN(3000))*time.Millisecond
	switch dice.IntN(4) {
	case 0:
		h.kill()
		time.Sleep(while / 4)
		h.restart()
	case 1:
		h.agents[i].kill()
		time.Sleep(while)
		h.agents[i].start()
	case 2:
		h.lan.cut(i)
		time.Sleep(while)
		h.lan.mend(i)
	case 3: // both ends at once
		h.agents[i].kill()
		h.kill()
		h.restart()
		h.agents[i].start()
	}
}

// startTasks starts tasks on random machines. One that is away refuses them.
func (h *chaosTest) startTasks(stop <-chan struct{}, dice *rand.Rand) {
	client := ecs.New(h.ecs.Options(), func(o *ecs.Options) { o.RetryMaxAttempts = 1 })
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(100+dice.IntN(300)) * time.Millisecond): // the machine is small
		}
		line, code := ids.Hex(8), int32(dice.IntN(100))
		out, err := client.StartTask(h.t.Context(), &ecs.StartTaskInput{
			TaskDefinition: aws.String("app"), ContainerInstances: []string{h.machines[dice.IntN(len(h.machines))]},
			Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{
				Name:    aws.String("app"),
				Command: []string{"print", line, "then", "sleep", fmt.Sprintf("%dms", dice.IntN(3000)), "then", "print", "end", "then", "exit", fmt.Sprint(code)},
			}}},
		})
		if err == nil && len(out.Tasks) == 1 {
			h.mu.Lock()
			h.tasks = append(h.tasks, crashTask{out.Tasks[0], line, code})
			h.mu.Unlock()
		}
	}
}
