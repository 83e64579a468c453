package agent

import (
	"cmp"
	"slices"
	"time"

	"slipway/nodeapi"
)

// rerun is the decision to start a container anew, with what is known of the run that has ended. It
// is on disk before the container is deleted: in between nothing else tells that it comes back, nor
// how it ended.
type rerun struct {
	Count   int       `json:"count"`   // how often it was started anew, this time included
	Started time.Time `json:"started"` // the run that has ended is told by its start, as the engine has it
	Ended   time.Time `json:"ended"`
	Code    int       `json:"code"`
	OOM     bool      `json:"oom,omitempty"`
	Digest  string    `json:"digest"`           // of the image, which stays the same
	Failed  string    `json:"failed,omitempty"` // why it could not be carried out, so that the container stays ended
}

// due tells of a container that its restart policy wants it started anew. One that was lost with its
// machine is not: nobody knows how it ended. Source: Amazon ECS Developer Guide, "Restart individual
// containers in Amazon ECS tasks with container restart policies".
func (c *container) due() bool {
	if c.want == nil || c.want.Restart == nil || !c.exited() || c.seen.ExitedAt.IsZero() {
		return false
	}
	policy := c.want.Restart
	return !slices.Contains(policy.IgnoredExitCodes, c.seen.ExitCode) && c.seen.ExitedAt.Sub(c.run) >= policy.AttemptPeriod
}

// pending tells of a container that the last decision to start it anew is not carried out yet.
func (c *container) pending() bool {
	return c.rerun != nil && (!c.started() || c.run.Equal(c.rerun.Started))
}

// comesBack tells of a container that has ended that it is to run again.
func (t *task) comesBack(c *container) bool {
	failed := c.gaveUp || c.pending() && c.rerun.Failed != ""
	return t.status < nodeapi.Stopping && !failed && (c.pending() || c.due())
}

// failing tells of a container that could not be started anew, which is to be noted before it is told.
func (c *container) failing() bool {
	return c.failed != "" && c.pending() && c.rerun.Failed == "" && !c.gaveUp
}

// restarts is how often the container was started anew.
func (c *container) restarts() (n int) {
	if c.want != nil {
		n = c.want.Restarts
	}
	if c.rerun == nil {
		return n
	}
	done := c.rerun.Count
	if c.pending() {
		done--
	}
	return max(n, done)
}

// reruns are the decisions to keep: those made before, what became of them, and those that are due now.
func (t *task) reruns() map[string]*rerun {
	all := map[string]*rerun{}
	for _, c := range t.containers {
		switch {
		case c.failing():
			given := *c.rerun
			given.Failed = c.failed
			all[c.name] = &given
		case c.due() && !c.pending() && !c.gaveUp:
			all[c.name] = &rerun{
				Count: c.restarts() + 1, Started: c.run, Ended: c.seen.ExitedAt,
				Code: c.seen.ExitCode, OOM: c.seen.OOMKilled, Digest: c.seen.Digest,
			}
		case c.rerun != nil:
			all[c.name] = c.rerun
		}
	}
	return all
}

// decided takes decisions that are on disk.
func (t *task) decided(reruns map[string]*rerun) {
	for name, r := range reruns {
		c := t.container(name)
		c.rerun, c.reason = r, cmp.Or(c.reason, r.Failed)
	}
}

// unmade is a container that has been deleted so that it can be made anew.
func (t *task) unmade(c *container, number uint64) {
	c.changed, c.seen, c.vanished, c.health = number, nil, false, health{}
}

// ending is how a container ended.
type ending struct {
	code int
	at   time.Time // zero: nobody knows
	oom  bool
}

// endingOf tells how a container ended that has, and does not come back; nil where there is no telling.
func (t *task) endingOf(c *container) *ending {
	switch {
	case t.comesBack(c):
		return nil
	case c.exited():
		return &ending{c.seen.ExitCode, c.seen.ExitedAt, c.seen.OOMKilled}
	case c.pending():
		return &ending{c.rerun.Code, c.rerun.Ended, c.rerun.OOM}
	}
	return nil
}

// cannotRestart notes that a container cannot be started anew. If not even that can be noted, it stays ended all the same.
func (c *container) cannotRestart(a action, reason string) {
	c.failed = cmp.Or(c.failed, reason)
	if a.kind == count {
		c.gaveUp, c.reason = true, cmp.Or(c.reason, reason)
	}
}

// restart has containers that have ended taken away, so that they can be made anew, once that is on disk.
func (d *plan) restart() {
	coming := d.t.which(d.t.comesBack)
	if slices.ContainsFunc(coming, func(c *container) bool { return !c.pending() || c.failing() }) {
		d.try(count, nil)
	}
	for _, c := range coming {
		if c.pending() && c.exited() && !c.failing() {
			d.try(unmake, c)
		}
	}
}
