package refusal_test

import (
	"slices"
	"testing"

	"slipway/cluster/placement"
	"slipway/cluster/refusal"
)

func TestRemedies(t *testing.T) {
	machines := []placement.Refusal{
		{Node: "a", Reason: placement.NoCPU, Needed: 700, Left: 100},
		{Node: "b", Reason: placement.NoCPU, Needed: 700, Left: 600},
		{Node: "c", Reason: placement.NoPorts},
	}
	for _, c := range []struct {
		counts map[placement.Reason]int
		want   []string
	}{
		{nil, nil},
		{map[placement.Reason]int{placement.NoCPU: 2, placement.NoPorts: 1}, []string{
			"100 CPU units more have to be free on b, or each task has to ask for no more than 600.",
			"Host ports have to be free: stop the tasks that hold them, or leave hostPort out.",
		}},
		{map[placement.Reason]int{placement.NoMemory: 1, placement.NotDistinct: 5, placement.Reserved: 9}, []string{ // the most frequent has no remedy but time
			"More machines have to join, for each has a task of the group already.",
			"Machines have to have more MiB of memory free.",
		}},
	} {
		if got := refusal.Remedies(c.counts, machines); !slices.Equal(got, c.want) {
			t.Errorf("for %v: %q\nwant %q", c.counts, got, c.want)
		}
	}
}

func TestTheClosestMachineIsNamed(t *testing.T) {
	const none = "was unable to place a task because no container instance met all of its requirements. "
	for _, c := range []struct {
		refused []placement.Refusal
		want    string
	}{
		{nil, none + "Reason: No Container Instances were found in your cluster."},
		{[]placement.Refusal{{Reason: placement.Invalid, Detail: "The image is not there."}}, "was unable to place a task. Reason: The image is not there."},
		{[]placement.Refusal{{Node: "a", Reason: placement.NoAgent}, {Node: "b", Reason: placement.NoCPU}, {Node: "c", Reason: placement.NoMemory}},
			none + "The closest matching (container-instance b) has insufficient CPU units available."},
		{[]placement.Refusal{{Node: "a", Reason: placement.Draining}, {Node: "b", Reason: placement.NoAgent}}, none + "The closest matching (container-instance a) is draining."},
		{[]placement.Refusal{{Node: "a", Reason: placement.Reserved}}, none + `The closest matching (container-instance a) encountered error "RESERVED".`},
	} {
		if got := refusal.Unplaced(c.refused); got != c.want {
			t.Errorf("of %v: %s\nwant %s", c.refused, got, c.want)
		}
	}
}
