package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// All tasks of a service are on the one machine that there is. Another one joins: nothing moves by itself, "rebalance"
// tells what would be better off there and moves it, and then nothing is left to move.
func TestRebalanceMovesTasksToAMachineThatJoins(t *testing.T) {
	t.Parallel()
	l := newLan(t, 2)
	c := l.startHead()
	c.pushApp()
	l.join(c, 0)
	within(t, "a machine to be there", func() bool { return c.here("default") == 1 })
	c.registerWeb("moving")
	_, err := c.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(4),
		PlacementStrategy: []types.PlacementStrategy{{Type: types.PlacementStrategyTypeSpread, Field: aws.String("instanceId")}}})
	if err != nil {
		t.Fatal(err)
	}
	wantSpread := func(want ...int) {
		t.Helper()
		within(t, "the tasks to be spread", func() bool { return slices.Equal(c.spread("web"), want) })
	}
	wantSpread(4)
	l.join(c, 1)
	t.Cleanup(c.deleteServices)
	within(t, "two machines to be there", func() bool { return c.here("default") == 2 })

	moves := c.do(c.slipway("rebalance", "web", "--dry-run"))
	if strings.Count(moves, "\nweb ") != 2 {
		t.Errorf("rebalance --dry-run does not tell of two moves:\n%s", moves)
	}
	wantSpread(0, 4)
	want(t, c.do(c.slipway("rebalance", "web")), moves)
	wantSpread(2, 2)
	c.aws("ecs", "wait", "services-stable", "--services", "web")
	want(t, c.do(c.slipway("rebalance", "web")), "nothing to move\n")
}

// spread is how many tasks of a service each machine has, the fewest first, once the service is steady; before, none.
func (c *cloud) spread(service string) (counts []int) {
	c.t.Helper()
	s, err := c.service(c.t.Context(), "default", service)
	if err != nil || !isSteady(s) || s.PendingCount > 0 {
		return nil
	}
	for _, i := range c.instances("default") {
		counts = append(counts, int(i.RunningTasksCount))
	}
	slices.Sort(counts)
	return counts
}
