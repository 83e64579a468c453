package clustertest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"slipway/cluster"
)

// Balancer keeps targets, which are INITIAL until the test says otherwise, and DRAINING until it lets them go.
type Balancer struct {
	// Refuses, where it is set, is why no target is taken.
	Refuses error

	// Missing are the groups that are not there.
	Missing []string

	mu     sync.Mutex
	groups map[string]map[string]cluster.TargetHealth
	ports  map[string]int // by task
}

// Has implements cluster.Balancer.
func (b *Balancer) Has(_ context.Context, _, group string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !slices.Contains(b.Missing, group), nil
}

// Lose has a group be gone, with its targets.
func (b *Balancer) Lose(group string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Missing = append(b.Missing, group)
	delete(b.groups, group)
}

// Attach implements cluster.Balancer.
func (b *Balancer) Attach(_ context.Context, _, group string, t cluster.Target) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Refuses != nil {
		return b.Refuses
	}
	if slices.Contains(b.Missing, group) {
		return cluster.ErrNoTargetGroup
	}
	if b.groups == nil {
		b.groups, b.ports = map[string]map[string]cluster.TargetHealth{}, map[string]int{}
	}
	if b.groups[group] == nil {
		b.groups[group] = map[string]cluster.TargetHealth{}
	}
	if _, have := b.groups[group][t.ID]; !have {
		b.groups[group][t.ID] = cluster.TargetHealth{State: cluster.TargetInitial}
		b.ports[t.ID] = t.Port
	}
	return nil
}

// Detach implements cluster.Balancer.
func (b *Balancer) Detach(_ context.Context, _, group string, t cluster.Target) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, have := b.groups[group][t.ID]; have {
		b.groups[group][t.ID] = cluster.TargetHealth{State: cluster.TargetDraining}
	}
	return nil
}

// Healthy implements cluster.Balancer.
func (b *Balancer) Healthy(_ context.Context, _, group string) (map[string]cluster.TargetHealth, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.groups[group]), nil
}

// Say has all targets of a group that are in one state be in another, and returns how many that are. Those that are
// said to be nowhere ("") are let go.
func (b *Balancer) Say(group, from, to string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, h := range b.groups[group] {
		if h.State != from {
			continue
		}
		n++
		if to == "" {
			delete(b.groups[group], id)
		} else {
			b.groups[group][id] = cluster.TargetHealth{State: to, Reason: "Health checks failed"}
		}
	}
	return n
}

// Port is the port that was given for a task.
func (b *Balancer) Port(task string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ports[task]
}
