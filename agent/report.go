package agent

import (
	"cmp"
	"time"

	"slipway/nodeapi"
)

// report is what the control plane is told of the task. What this agent does not know is
// left out: an earlier one may have told it.
func (t *task) report() nodeapi.TaskReport {
	r := nodeapi.TaskReport{
		ID:            t.id,
		Status:        t.status,
		StopCode:      t.stopCode,
		StopReason:    t.stopReason,
		PullStartedAt: t.pullStarted,
		PullStoppedAt: t.pullStopped,
		StartedAt:     t.startedAt(),
		StoppingAt:    t.stopping,
		ExecStoppedAt: t.execStoppedAt(),
		StoppedAt:     t.stoppedTime,
	}
	if t.network != nil {
		r.Address = t.network.Address
	}
	for _, c := range t.containers {
		r.Containers = append(r.Containers, t.reportOf(c))
	}
	return r
}

func (t *task) reportOf(c *container) nodeapi.ContainerReport {
	r := nodeapi.ContainerReport{
		Name: c.name, Status: t.stateOf(c), Reason: c.reason, Ports: t.portsOf(c), Health: c.healthOf(), HealthSince: c.health.since, Restarts: c.restarts(),
	}
	if c.image != nil {
		r.Digest = c.image.Digest
	}
	if t.busy[action{kind: pull, container: c.name}] {
		r.Pulled, r.PullSize = c.arrived.done, c.arrived.all
	}
	if c.seen != nil {
		r.RuntimeID, r.Digest = c.id, cmp.Or(c.seen.Digest, r.Digest)
	}
	if c.rerun != nil {
		r.RuntimeID, r.Digest = c.id, cmp.Or(r.Digest, c.rerun.Digest)
	}
	switch end := t.endingOf(c); {
	case end != nil:
		r.ExitCode = &end.code
		if end.oom {
			r.Reason = cmp.Or(r.Reason, outOfMemory)
		}
	case t.over(c):
		r.Reason = cmp.Or(r.Reason, gone)
	}
	return r
}

// portsOf are the mappings of the task's network that the container asked for.
func (t *task) portsOf(c *container) []nodeapi.Port {
	if t.network == nil || c.want == nil {
		return nil
	}
	var ports []nodeapi.Port
	for _, p := range t.network.Ports {
		for _, w := range c.want.Ports {
			if w.Container == p.Container && w.Protocol == p.Protocol && (w.Host == 0 || w.Host == p.Host) {
				ports = append(ports, nodeapi.Port(p))
				break
			}
		}
	}
	return ports
}

// startedAt is when the task ran: what comes later, such as a container that is started anew, does not change it.
func (t *task) startedAt() time.Time {
	if !t.began.IsZero() {
		return t.began
	}
	return t.lastStart()
}

// lastStart is when the last container of the group was started, once all are.
func (t *task) lastStart() (last time.Time) {
	for _, c := range t.containers {
		if !c.started() {
			return time.Time{}
		}
		last = later(last, c.seen.StartedAt)
	}
	return last
}

// execStoppedAt is when the last essential container exited, once all have.
func (t *task) execStoppedAt() (last time.Time) {
	for _, c := range t.which((*container).essential) {
		end := t.endingOf(c)
		if end == nil {
			return time.Time{}
		}
		last = later(last, end.at)
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
