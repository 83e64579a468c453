package agent

import (
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

// kind is what an action does.
type kind int

const (
	fetch   kind = iota // what the definition names by reference
	pull                // an image
	openLog             // of a container, so that a log group that is not there is found out before it starts
	prepare             // what the task's containers share
	attach              // the task to the network
	create              // a container
	start               // its process
	probe               // it: whether it is well
	count               // the containers that are to be started anew, on disk
	unmake              // a container that has ended, so that it can be made anew
	stop                // it, by the signal it wants to be stopped by
	kill                // it
	drain               // ship what it has printed
	remove              // the container
	detach              // the task from the network, and what its containers shared
	finish              // ship what it printed at the very end, and remove its output
)

func (k kind) String() string {
	return [...]string{"fetch secrets", "pull", "open log", "prepare", "attach", "create", "start", "probe", "count restarts", "unmake", "stop", "kill", "drain", "remove", "detach", "finish"}[k]
}

// action is one thing to do for a task. Each may be done again and again to the same end.
type action struct {
	kind      kind
	container string // "": the whole task
}

func (a action) String() string {
	if a.container == "" {
		return a.kind.String()
	}
	return a.kind.String() + " " + a.container
}

// change is a step forward in the task's life.
type change struct {
	status       nodeapi.Status
	code, reason string
	about        *container // of which the reason is told as well; nil: none
}

// decision is what is to be done for a task now.
type decision struct {
	become *change   // comes first: note it, then decide again
	do     []action  // what must be under way; what is and can be given up, is
	again  time.Time // when to decide again though nothing has happened; zero: never
	forget bool      // nothing is left to do, ever
}

// How long things may take.
const (
	stopTimeout = 30 * time.Second // between stop signal and SIGKILL, unless the definition says otherwise
	killAgain   = 5 * time.Second  // between one SIGKILL and the next: the first may have been lost
	drainLimit  = 5 * time.Second  // that a slow log store may hold up the news of a task's end
)

// Reasons that people read. Source of the first: Amazon ECS Developer Guide, "Stopped task error codes".
const (
	essentialExited = "Essential container in task exited"
	notKnown        = "The control plane does not know this task"
	gone            = "The container is gone from its machine"
	outOfMemory     = "OutOfMemoryError: Container killed due to memory usage"
)

// step decides what to do for a task. It only looks.
func step(t *task, now time.Time) decision {
	if t.want == nil && !t.orphan {
		return decision{} // found here; the control plane is yet to say what of it
	}
	if c := t.next(now); c != nil {
		return decision{become: c}
	}
	switch {
	case t.status < nodeapi.Stopping && t.orphan:
		return decision{} // left alone until the control plane denies it
	case t.status < nodeapi.Stopping:
		return t.bringUp(now)
	case t.status < nodeapi.Stopped:
		return t.bringDown(now)
	default:
		return t.clearAway(now)
	}
}

// next is the step forward that the containers or the control plane have brought about.
func (t *task) next(now time.Time) *change {
	started := len(t.containers) > 0 && t.all((*container).started)
	if t.status < nodeapi.Running && started && t.failure == "" {
		return &change{status: nodeapi.Running}
	}
	if t.status < nodeapi.Stopping {
		return t.causeToStop(now)
	}
	return nil
}

func (t *task) causeToStop(now time.Time) *change {
	because := func(code, reason string) *change {
		return &change{status: nodeapi.Stopping, code: code, reason: reason}
	}
	switch {
	case t.failure != "":
		return because("TaskFailedToStart", t.failure)
	case t.want != nil && t.want.Stop:
		return because(t.want.StopCode, t.want.StopReason)
	case t.denied:
		return because("", notKnown)
	case t.orphan && !t.any((*container).running):
		return because("", notKnown) // nothing runs that stopping could hurt
	case t.want == nil || t.orphan:
		return nil
	case t.any(func(c *container) bool { return c.essential() && t.over(c) }), t.all(t.over):
		return because("EssentialContainerExited", essentialExited)
	case t.want.Recorded >= nodeapi.Stopping:
		return because("", "") // an earlier agent had a cause, and told it
	}
	for _, c := range t.containers {
		if why := clip(t.broken(c, now)); why != "" {
			return &change{nodeapi.Stopping, "TaskFailedToStart", why, c}
		}
	}
	return nil
}

// bringUp makes the containers, starts them in their order once all are there, and keeps them running and
// checked.
func (t *task) bringUp(now time.Time) decision {
	d := plan{t: t, now: now}
	d.restart()
	unmade := t.which(func(c *container) bool { return !c.exists() && !c.exited() && !t.over(c) && !c.failing() })
	d.gather(unmade)
	for _, c := range t.containers {
		if !c.logOpen {
			d.try(openLog, c)
		}
	}
	switch {
	case !t.prepared && len(unmade) > 0:
		d.try(prepare, nil)
	case t.network == nil:
		d.try(attach, nil) // beside the making of containers
	}
	if t.prepared && t.all(func(c *container) bool { return c.image != nil || c.exists() || t.over(c) }) {
		for _, c := range unmade {
			d.try(create, c)
		}
	}
	if len(unmade) == 0 && t.network != nil && t.all(func(c *container) bool { return c.logOpen }) {
		d.startWaiting()
	}
	d.check()
	return d.decision
}

// gather gets what containers are made of: first what only the control plane knows, which may be how to pull the rest.
func (d *plan) gather(unmade []*container) {
	if len(unmade) > 0 && d.t.want.Secret && d.t.secrets == nil {
		d.try(fetch, nil)
		return
	}
	for _, c := range unmade {
		if c.image == nil {
			d.try(pull, c)
		}
	}
}

// startWaiting starts the containers that wait for nothing any more.
func (d *plan) startWaiting() {
	for _, c := range d.t.which(func(c *container) bool { return c.waiting() && !d.t.over(c) && !c.failing() }) {
		if ok, ends := d.t.mayStart(c); ok {
			d.try(start, c)
		} else if !ends.IsZero() {
			d.at(ends)
		}
	}
}

// bringDown ends what runs, and then sees that its output is shipped.
func (t *task) bringDown(now time.Time) decision {
	d := plan{t: t, now: now}
	for _, c := range t.endable() {
		d.end(c)
	}
	if t.any((*container).running) || t.working(prepare, attach, create, start, count, unmake) || t.doubt > 0 {
		return d.decision // and what is being made is awaited, so as not to be left behind
	}
	if t.status < nodeapi.Deprovisioning {
		return decision{become: &change{status: nodeapi.Deprovisioning}}
	}
	undrained := t.which(func(c *container) bool { return c.printed && !c.drained })
	if len(undrained) == 0 || !now.Before(t.ended.Add(drainLimit)) {
		return decision{become: &change{status: nodeapi.Stopped}}
	}
	d.ship(drain, undrained)
	d.at(t.ended.Add(drainLimit))
	return d.decision
}

// clearAway removes what is left, but only once the control plane has the end written
// down: until then the containers are the only record of their exit codes.
func (t *task) clearAway(now time.Time) decision {
	d := plan{t: t, now: now}
	if t.acked < nodeapi.Stopped {
		d.ship(drain, t.which(func(c *container) bool { return c.printed && !c.drained }))
		return d.decision
	}
	left := t.which(func(c *container) bool { return c.seen != nil && !c.deleted })
	for _, c := range left {
		d.try(remove, c)
	}
	if len(left) > 0 {
		return d.decision
	}
	if !t.detached {
		d.try(detach, nil)
	}
	unfinished := t.which(func(c *container) bool { return c.printed && !c.finished })
	d.ship(finish, unfinished)
	d.forget = t.detached && len(unfinished) == 0
	return d.decision
}

func (t *task) which(are func(*container) bool) []*container {
	var some []*container
	for _, c := range t.containers {
		if are(c) {
			some = append(some, c)
		}
	}
	return some
}

// plan is a decision in the making.
type plan struct {
	decision
	t   *task
	now time.Time
}

// try has an action done, unless it failed and its time has not come again. No container stands for the whole task.
func (d *plan) try(k kind, c *container) {
	a := action{kind: k}
	if c != nil {
		a.container = c.name
	}
	if again := d.t.tries[a].again; d.now.Before(again) {
		d.at(again)
		return
	}
	d.do = append(d.do, a)
}

// at asks to be woken then, or earlier.
func (d *plan) at(then time.Time) {
	if d.again.IsZero() || then.Before(d.again) {
		d.again = then
	}
}

// end ends a running container: politely, then not.
func (d *plan) end(c *container) {
	patience := stopTimeout
	if c.want != nil && c.want.StopTimeout > 0 {
		patience = c.want.StopTimeout
	}
	switch {
	case c.stopSent.IsZero():
		d.try(stop, c)
	case d.now.Before(c.stopSent.Add(patience)):
		d.at(c.stopSent.Add(patience))
	case c.killSent.IsZero() || !d.now.Before(c.killSent.Add(killAgain)):
		d.try(kill, c)
	default:
		d.at(c.killSent.Add(killAgain))
	}
}

// ship has the output of containers shipped, each from where the control plane wants to go on.
func (d *plan) ship(k kind, containers []*container) {
	for _, c := range containers {
		if c.logOpen {
			d.try(k, c)
		} else {
			d.try(openLog, c)
		}
	}
}

// stateOf is how far a container is, in the words of the wire.
func (t *task) stateOf(c *container) nodeapi.Status {
	switch {
	case t.status == nodeapi.Stopped || t.over(c):
		return nodeapi.Stopped
	case t.comesBack(c), c.seen != nil && c.seen.State == engine.Running:
		return nodeapi.Running
	default:
		return nodeapi.Pending
	}
}
