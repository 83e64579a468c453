// Package refusal says in sentences why machines took no tasks, and what would have to change. What it is told of them is
// placement's.
package refusal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"slipway/cluster/placement"
)

// Remedies tells what would have to change for machines to take more of the tasks, for each reason one sentence, that of
// most machines first. Counts are all machines by their reasons, machines some of them.
func Remedies(counts map[placement.Reason]int, machines []placement.Refusal) []string {
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b placement.Reason) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	var all []string
	for _, reason := range reasons {
		if text := remedy(reason, machines); text != "" {
			all = append(all, text)
		}
	}
	return all
}

var units = map[placement.Reason]string{placement.NoCPU: "CPU units", placement.NoMemory: "MiB of memory", placement.NoDisk: "GiB of disk"}

var remedies = map[placement.Reason]string{
	placement.NoAgent:     "Machines that are away have to come back: \"slipway agent\" must run on them and reach the control plane.",
	placement.Draining:    "Machines that drain have to take tasks again: set their state to ACTIVE.",
	placement.Missing:     "Machines that are named have to be there: \"slipway node list\" lists those that are.",
	placement.NoPorts:     "Host ports have to be free: stop the tasks that hold them, or leave hostPort out.",
	placement.Lacking:     "Machines of the kind that the definition asks for have to join, or runtimePlatform has to be another.",
	placement.NotMember:   "The expression has to fit machines: change it, or what is said of machines with put-attributes and tag-resource.",
	placement.NotTagged:   "Machines have to have the tag that the tasks have: tag-resource sets it.",
	placement.NotTogether: "The machine that the tasks share has to have room, or they may not have to share it.",
	placement.NotDistinct: "More machines have to join, for each has a task of the group already.",
}

func remedy(reason placement.Reason, machines []placement.Refusal) string {
	unit := units[reason]
	if unit == "" {
		return remedies[reason]
	}
	best, found := nearest(reason, machines)
	if !found {
		return fmt.Sprintf("Machines have to have more %s free.", unit)
	}
	return fmt.Sprintf("%d %s more have to be free on %s, or each task has to ask for no more than %d.", best.Needed-best.Left, unit, best.Node, max(best.Left, 0))
}

// nearest is the machine that came nearest to taking a task, of those that are known by name.
func nearest(reason placement.Reason, machines []placement.Refusal) (best placement.Refusal, found bool) {
	for _, m := range machines {
		if m.Reason == reason && m.Needed > 0 && (!found || m.Left > best.Left) {
			best, found = m, true
		}
	}
	return best, found
}
