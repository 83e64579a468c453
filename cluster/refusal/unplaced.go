package refusal

import (
	"slices"
	"strings"

	"slipway/cluster/placement"
)

// Unplaced says why a task has no place, as ECS does. Source: Amazon ECS Developer Guide, "Amazon ECS service event messages".
func Unplaced(refused []placement.Refusal) string {
	const text = "was unable to place a task because no container instance met all of its requirements. "
	if len(refused) == 0 {
		return text + "Reason: No Container Instances were found in your cluster."
	}
	if r := refused[0]; r.Node == "" {
		return "was unable to place a task. Reason: " + strings.TrimSuffix(r.Detail, ".") + "."
	}
	closest := refused[0]
	for _, r := range refused {
		if rank(r.Reason) > rank(closest.Reason) {
			closest = r
		}
	}
	return text + "The closest matching (container-instance " + closest.Node + ") " + lack(closest) + "."
}

// rank tells how near a machine was to taking a task.
func rank(r placement.Reason) int {
	return slices.Index([]placement.Reason{placement.Missing, placement.Inactive, placement.NoAgent, placement.Draining, placement.Lacking, placement.NotMember,
		placement.NotDistinct, placement.NoPorts, placement.NoMemory, placement.NoCPU}, r)
}

func lack(r placement.Refusal) string {
	switch r.Reason {
	case placement.NoCPU:
		return "has insufficient CPU units available"
	case placement.NoMemory:
		return "has insufficient memory available"
	case placement.NoPorts:
		return "is already using a port required by your task"
	case placement.NoAgent:
		return "has the agent disconnected"
	case placement.Draining:
		return "is draining"
	case placement.Lacking:
		return "is missing an attribute required by your task"
	}
	return "encountered error \"" + string(r.Reason) + "\""
}
