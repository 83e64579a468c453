// Package observed joins what nodes have told of a task. Reports may come twice, late and in any order: what is known stays
// known, and states only move forward.
package observed

import (
	"slices"
	"strings"

	"slipway/nodeapi"
)

// Merge is all that two reports of one task tell: the state of the later, whichever came first,
// and what only one of them knows.
func Merge(a, b nodeapi.TaskReport) nodeapi.TaskReport {
	later := b.Status == a.Status // as far as can be told
	if b.Status > a.Status {
		a, b = b, a
	}
	fill(&a.StopCode, b.StopCode)
	fill(&a.StopReason, b.StopReason)
	fill(&a.PullStartedAt, b.PullStartedAt)
	fill(&a.PullStoppedAt, b.PullStoppedAt)
	fill(&a.StartedAt, b.StartedAt)
	fill(&a.StoppingAt, b.StoppingAt)
	fill(&a.ExecStoppedAt, b.ExecStoppedAt)
	fill(&a.StoppedAt, b.StoppedAt)
	fill(&a.Address, b.Address)
	a.Containers = slices.Clone(a.Containers)
	for _, c := range b.Containers {
		if i := slices.IndexFunc(a.Containers, func(have nodeapi.ContainerReport) bool { return have.Name == c.Name }); i >= 0 {
			a.Containers[i] = mergeContainer(a.Containers[i], c, later)
		} else {
			a.Containers = append(a.Containers, c)
		}
	}
	slices.SortFunc(a.Containers, func(x, y nodeapi.ContainerReport) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// mergeContainer takes how well a container is from b if that is of a later report, unless it is known to be of
// an earlier time.
func mergeContainer(a, b nodeapi.ContainerReport, later bool) nodeapi.ContainerReport {
	anew := b.Restarts > a.Restarts || b.Restarts == a.Restarts && !b.HealthSince.Before(a.HealthSince)
	if later && b.Status == a.Status && anew && b.Health != "" {
		a.Health = b.Health
		if !a.HealthSince.Equal(b.HealthSince) {
			a.HealthSince = b.HealthSince
		}
	}
	if later && b.Status == a.Status {
		a.Pulled, a.PullSize = b.Pulled, b.PullSize
	}
	if b.Status > a.Status {
		a, b = b, a
	}
	fill(&a.Health, b.Health)
	a.Restarts = max(a.Restarts, b.Restarts)
	fill(&a.RuntimeID, b.RuntimeID)
	fill(&a.Digest, b.Digest)
	fill(&a.ExitCode, b.ExitCode)
	fill(&a.Reason, b.Reason)
	if len(a.Ports) == 0 && len(b.Ports) > 0 {
		a.Ports = b.Ports
	}
	return a
}

// fill sets what is not known yet.
func fill[T comparable](known *T, more T) {
	var nothing T
	if *known == nothing {
		*known = more
	}
}
