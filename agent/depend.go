package agent

import (
	"fmt"
	"slices"
	"time"

	"slipway/nodeapi"
)

// startTimeout is how long others wait for a container, unless the definition says otherwise.
// Source: Amazon ECS API Reference, ContainerDefinition, startTimeout.
const startTimeout = 3 * time.Minute

// waiting is a container that is made and has not run.
func (c *container) waiting() bool { return c.exists() && !c.started() }

// find finds a container by its name in the definition; nil when there is none.
func (t *task) find(name string) *container {
	for _, c := range t.containers {
		if c.name == name {
			return c
		}
	}
	return nil
}

// mayStart tells whether all is there that a container waits for, and otherwise when the waiting
// ends. One that has run before waits for nothing.
func (t *task) mayStart(c *container) (ok bool, ends time.Time) {
	if c.rerun != nil || c.want == nil {
		return true, ends
	}
	ok = true
	for _, d := range c.want.DependsOn {
		on := t.find(d.Container)
		if on == nil || t.met(on, d.Condition) {
			continue
		}
		ok = false
		if end := t.waitsUntil(on, d.Condition); !end.IsZero() && (ends.IsZero() || end.Before(ends)) {
			ends = end
		}
	}
	return ok, ends
}

// met tells whether a container is as another wants it. Source: Amazon ECS API Reference,
// ContainerDependency.
func (t *task) met(on *container, condition string) bool {
	end := t.endingOf(on)
	switch condition {
	case "COMPLETE":
		return end != nil
	case "SUCCESS":
		return end != nil && end.code == 0
	case "HEALTHY":
		return on.running() && on.health.status == healthy
	default: // START
		return on.started() || on.rerun != nil
	}
}

// waitsUntil is when others give up waiting for a container; zero while it has not started, or where
// nobody does. An agent that starts anew waits anew.
func (t *task) waitsUntil(on *container, condition string) (end time.Time) {
	if condition == "START" || !on.started() {
		return end
	}
	patience := startTimeout
	if on.want != nil && on.want.StartTimeout > 0 {
		patience = on.want.StartTimeout
	}
	return later(on.seen.StartedAt, t.since).Add(patience)
}

// The words of the container agent of Amazon ECS.
const (
	unresolvable = "CannotStartContainerError: dependency graph: " +
		"failed to resolve container ordering dependency [%s] for target [%s] as dependency %s."
	timedOut = "CannotStartContainerError: dependency graph: " +
		"container ordering dependency [%s] for target [%s] has timed out."
)

// broken tells why a waiting container will never start; "" while it may.
func (t *task) broken(c *container, now time.Time) string {
	if !c.waiting() || c.want == nil || c.rerun != nil {
		return ""
	}
	for _, d := range c.want.DependsOn {
		on := t.find(d.Container)
		if on == nil || t.met(on, d.Condition) {
			continue
		}
		if why := t.never(on, d.Condition); why != "" {
			return fmt.Sprintf(unresolvable, on.name, c.name, why)
		}
		if end := t.waitsUntil(on, d.Condition); !end.IsZero() && !now.Before(end) {
			return fmt.Sprintf(timedOut, on.name, c.name)
		}
	}
	return ""
}

// never tells why a container will not be as another wants it; "" while it may.
func (t *task) never(on *container, condition string) string {
	switch {
	case condition == "SUCCESS" && t.over(on):
		return "did not exit successfully"
	case condition == "HEALTHY" && t.over(on):
		return "has exited"
	case condition == "HEALTHY" && on.health.status == unhealthy:
		return "is unhealthy"
	case t.over(on):
		return "is gone from its machine"
	}
	return ""
}

// endable are the running containers to be ended now: those on which no other depends that runs, or is being started.
// So a task is ended in the reverse of the order in which it was started.
func (t *task) endable() []*container {
	running := t.which((*container).running)
	free := slices.DeleteFunc(slices.Clone(running), func(c *container) bool {
		return t.any(func(other *container) bool {
			return other.dependsOn(c) && (other.running() || t.busy[action{start, other.name}])
		})
	})
	if len(free) == 0 && !t.working(start) {
		return running // they depend on each other
	}
	return free
}

func (c *container) dependsOn(on *container) bool {
	return c != on && c.want != nil && slices.ContainsFunc(c.want.DependsOn, func(d nodeapi.Dependency) bool { return d.Container == on.name })
}
