package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"slipway/engine/enginetest"
)

var stormMinutes = flag.Float64("chaos.minutes", 0.6, "how long TestServicesInTheStorm makes trouble")

// A service behind a load balancer, on three machines: its tasks are killed, machines are drained, agents and the
// control plane are killed with -9 and started again, in random order, while clients ask all the time; in the second half a new version is
// rolled out every 20 seconds, or more often in a short run. No request that may be made twice fails while the control
// plane is there, for it is the load balancer, too; there are never more tasks than the maximum, and never fewer
// healthy ones than the minimum but for those that were killed.
func TestServicesInTheStorm(t *testing.T) {
	t.Logf("go test ./cmd/slipway -run TestServicesInTheStorm -chaos.minutes %g -chaos.seed %d", *stormMinutes, *chaosSeed)
	s := newStorm(t, rand.New(rand.NewPCG(*chaosSeed, 0)))
	s.update()
	s.balanced.create(s.web())
	within(t, "all tasks to be well", func() bool {
		l, err := s.look()
		return err == nil && len(l.well) == stormTasks
	})

	length := time.Duration(*stormMinutes * float64(time.Minute))
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() { s.traffic.ask(stop) })
	}
	workers.Go(func() { s.watch(stop) })
	s.rage(length)
	close(stop)
	workers.Wait()

	s.settled()
	s.tell()
	s.traffic.check()
	s.bounds.check()
	s.gone()
}

// The service that is in the storm.
const (
	stormTasks = 4
	stormLeast = 75  // percent: 3
	stormMost  = 150 // percent: 6
)

// storm is a service on machines that are in trouble.
type storm struct {
	*balanced
	lan     *lan
	agents  []*agentProcess
	dice    *rand.Rand
	traffic *traffic
	bounds  *bounds
	version int
	troubles
}

// troubles are how often each has come.
type troubles struct{ tasks, drains, agents, planes, rollouts int }

func newStorm(t *testing.T, dice *rand.Rand) *storm {
	l := newLan(t, 3)
	c := l.startHead()
	c.pushApp()
	s := &storm{lan: l, dice: dice, bounds: newBounds(t, stormTasks*stormLeast/100, stormTasks*stormMost/100)}
	for i := range l.machines {
		s.agents = append(s.agents, l.join(c, i))
	}
	within(t, "three machines to be there", func() bool { return c.here("default") == 3 })
	s.balanced = newBalanced(t, c)
	s.traffic = newTraffic(t, s.url)
	return s
}

// web is the service: its tasks are spread over the machines.
func (s *storm) web() *ecs.CreateServiceInput {
	return &ecs.CreateServiceInput{
		DesiredCount:            aws.Int32(stormTasks),
		DeploymentConfiguration: &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(stormLeast), MaximumPercent: aws.Int32(stormMost)},
		PlacementStrategy:       []types.PlacementStrategy{{Type: types.PlacementStrategyTypeSpread, Field: aws.String("instanceId")}},
	}
}

// rage makes trouble for so long.
func (s *storm) rage(length time.Duration) {
	every := min(20*time.Second, length/4)
	began := time.Now()
	for next := began.Add(length / 2); time.Since(began) < length; {
		time.Sleep(time.Duration(200+s.dice.IntN(1800)) * time.Millisecond)
		s.trouble()
		if time.Now().After(next) {
			next = time.Now().Add(every)
			s.update()
			s.rollouts++
		}
	}
}

// trouble makes one, and mends it.
func (s *storm) trouble() {
	a, while := s.agents[s.dice.IntN(len(s.agents))], time.Duration(s.dice.IntN(3000))*time.Millisecond
	switch s.dice.IntN(7) {
	case 0, 1, 2:
		s.killTask()
	case 3:
		a.kill()
		s.killTask()
		time.Sleep(while)
		a.start()
		s.troubles.agents++
	case 4:
		s.outage(while)
	case 5:
		s.outage(3 * while) // longer than its lease of the services lasts
	case 6:
		s.drain(while)
	}
}

// drain has the tasks of a machine go to the others, and then the machine take tasks again.
func (s *storm) drain(while time.Duration) {
	all := slices.Sorted(maps.Keys(s.machines))
	machine := all[s.dice.IntN(len(all))]
	s.setInstance("default", machine, types.ContainerInstanceStatusDraining)
	time.Sleep(3*time.Second + while)
	s.killTask()
	s.setInstance("default", machine, types.ContainerInstanceStatusActive)
	s.drains++
}

// outage kills the control plane and starts it again after a while, in which a task is killed, too.
func (s *storm) outage(while time.Duration) {
	s.traffic.down()
	s.kill()
	s.killTask()
	time.Sleep(while)
	s.restart()
	s.traffic.up()
	s.planes++
}

// killTask kills a task that is well, if that leaves another one: where there is none no request can succeed.
func (s *storm) killTask() {
	victim, ok := s.bounds.doom(s.dice)
	if !ok {
		return
	}
	pids, _ := exec.Command("pgrep", "-f", regexp.QuoteMeta(enginetest.ProgramPath)+" serve").Output()
	for _, pid := range strings.Fields(string(pids)) {
		if group, err := os.ReadFile("/proc/" + pid + "/cgroup"); err == nil && strings.Contains(string(group), victim) {
			if n, err := strconv.Atoi(pid); err == nil && syscall.Kill(n, syscall.SIGKILL) == nil {
				s.tasks++
			}
		}
	}
}

// update has the service run a new version.
func (s *storm) update() {
	s.version++
	s.register(fmt.Sprintf("version %d", s.version))
	if s.version == 1 {
		return
	}
	if _, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: aws.String("web")}); err != nil {
		s.t.Error(err)
	}
}

// watch looks at the service all the time.
func (s *storm) watch(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		if l, err := s.look(); err == nil { // the control plane may be away
			s.bounds.add(l)
		}
	}
}

// settled wants the newest version to be all that is there, and to answer.
func (s *storm) settled() {
	within(s.t, "the service to be steady", func() bool { return s.steady() })
	text, err := fetch(s.url)
	if err != nil || text != fmt.Sprintf("version %d", s.version) {
		s.t.Errorf("answered %q, %v; want version %d", text, err, s.version)
	}
}

func (s *storm) tell() {
	s.t.Logf("killed: %d tasks, %d agents, %d control planes; %d drains, %d rolling updates", s.tasks, s.troubles.agents, s.planes, s.drains, s.rollouts)
	s.t.Logf("%s", s.bounds)
	s.t.Logf("%s", s.traffic)
	if s.tasks == 0 || s.rollouts == 0 {
		s.t.Error("too little happened: the test shows nothing")
	}
}

// gone deletes the service, and wants nothing of it to be left.
func (s *storm) gone() {
	s.deleteServices()
	within(s.t, "all resources to be back", func() bool {
		return !slices.ContainsFunc(s.instances("default"), func(i types.ContainerInstance) bool {
			return i.RunningTasksCount > 0 || resourcesText(i.RemainingResources) != resourcesText(i.RegisteredResources)
		})
	})
	within(s.t, "no process of a container to be left", func() bool { return !hasProcess("serve 8080 version") })
}
