package observed_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/cluster/observed"
	"slipway/nodeapi"
)

// A node tells its story in reports, each knowing all that the one before knew. However they are
// shuffled and repeated, what is merged in the end is the last of them.
func TestMergedReportsAreTheLastOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story := anyStory(t)
		order := rapid.Permutation(story).Draw(t, "order")
		again := rapid.SliceOfN(rapid.SampledFrom(story), 0, 5).Draw(t, "again")

		known := nodeapi.TaskReport{ID: "t", Status: nodeapi.Pending}
		for _, report := range slices.Concat(order, again) {
			known = observed.Merge(known, report)
		}
		if last := observed.Merge(story[len(story)-1], story[len(story)-1]); !reflect.DeepEqual(known, last) {
			t.Fatalf("merged %+v\nthe last report is %+v", known, last)
		}
	})
}

// anyStory is what a node may report of a task of two containers, in the order it happened.
func anyStory(t *rapid.T) (story []nodeapi.TaskReport) {
	at := time.Unix(1_700_000_000, 0).UTC()
	now := nodeapi.TaskReport{ID: "t", Status: nodeapi.Pending, Containers: []nodeapi.ContainerReport{{Name: "a", Status: nodeapi.Pending}, {Name: "b", Status: nodeapi.Pending}}}
	for len(story) == 0 || now.Status < nodeapi.Stopped && len(story) < 8 {
		now.Containers = slices.Clone(now.Containers)
		now.Status = nodeapi.Status(rapid.IntRange(int(now.Status), int(nodeapi.Stopped)).Draw(t, "status"))
		for i := range now.Containers {
			c := &now.Containers[i]
			if c.Status == nodeapi.Stopped {
				continue
			}
			c.Status = nodeapi.Status(rapid.IntRange(int(c.Status), int(nodeapi.Stopped)).Draw(t, "container"))
			if c.RuntimeID == "" && rapid.Bool().Draw(t, "created") {
				c.RuntimeID, c.Digest, c.Ports = "id-"+c.Name, "sha256:1", []nodeapi.Port{{Container: 80, Host: 1000 + i, Protocol: "tcp"}}
			}
			if c.Status == nodeapi.Stopped {
				c.ExitCode, c.Reason = new(rapid.IntRange(0, 255).Draw(t, "code")), rapid.SampledFrom([]string{"", "OutOfMemoryError"}).Draw(t, "reason")
			}
		}
		if now.StartedAt.IsZero() && rapid.Bool().Draw(t, "started") {
			now.StartedAt, now.PullStartedAt, now.Address = at, at, "10.0.0.1"
		}
		if now.Status == nodeapi.Stopped {
			now.StoppedAt, now.StopCode, now.StopReason = at, "EssentialContainerExited", "it ended"
		}
		story = append(story, now)
	}
	return story
}
