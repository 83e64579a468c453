package agent

import (
	"cmp"
	"slices"
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

// task is all that the agent knows of one task: what is wanted, what the engine
// shows, and what was learned on the way. Nothing in it is written down: an agent
// that starts anew learns it again from the control plane and the engine.
type task struct {
	id     string
	want   *nodeapi.Task // nil: found on this machine, and the control plane has not named it
	orphan bool          // the control plane's last word on all tasks did not name it
	denied bool          // and asked about it, it said that it does not know it

	since                time.Time      // when this agent took it up
	status               nodeapi.Status // only grows
	acked                nodeapi.Status // how far the control plane has it written down
	stopCode, stopReason string

	pullStarted, pullStopped     time.Time
	began                        time.Time // when the last of its containers was first started
	stopping, ended, stoppedTime time.Time

	containers []*container
	prepared   bool
	namespace  string          // of its network; "" is the machine's
	network    *engine.Network // nil: not attached
	detached   bool
	secrets    *nodeapi.Secrets // nil: not asked for, or not needed any more
	failure    string           // why it can not start, as people read it
	doubt      uint64           // the deed of the agent that failed and may have had an effect all the same, until the engine is looked at; 0: none

	busy  map[action]bool
	tries map[action]try
}

// try remembers that an action has failed, how often, and when to do it again.
type try struct {
	failed int
	again  time.Time
}

// container is one container of a task. It is not run twice but by a decision to start it anew, so
// what the engine shows of one run only moves forward.
type container struct {
	id, name string
	want     *nodeapi.Container // nil: found on this machine
	image    *engine.Image      // nil: not pulled
	seen     *engine.Container  // nil: never seen
	arrived  arrived            // how much of the image has come, while it is pulled
	run      time.Time          // when it was started, as the engine has it: tells one run from the next
	changed  uint64             // the agent's own deed that last made it or took it away: an older view tells nothing
	vanished bool               // it was there, and somebody else took it away
	reason   string             // why it has failed, as people read it

	logOpen  bool
	printed  bool // there may be output of it, though nothing else is left
	drained  bool // all that it printed is shipped, but for what comes after its end
	deleted  bool
	finished bool // its output is shipped and removed

	rerun  *rerun // the last decision to start it anew; nil: none
	failed string // why that cannot be done, which is yet to be noted on disk
	gaveUp bool   // and cannot be noted either
	health health
	madeAt time.Time // zero: by an earlier agent

	stopSent, killSent time.Time
}

func newTask(id string) *task {
	return &task{id: id, status: nodeapi.Pending, busy: map[action]bool{}, tries: map[action]try{}}
}

// wanted takes what the control plane says. It may say so again, late, or tell only that the task is to stop.
func (t *task) wanted(w nodeapi.Task) {
	if t.want != nil {
		if t.want.Stop && !w.Stop { // said before that and come after it
			w.Stop, w.StopCode, w.StopReason = true, t.want.StopCode, t.want.StopReason
		}
		if len(w.Containers) == 0 {
			w.Containers = t.want.Containers
		}
	}
	t.want, t.orphan, t.denied = &w, false, false
	for i := range w.Containers {
		t.container(w.Containers[i].Name).want = &w.Containers[i]
	}
}

// container finds a container by its name in the definition, or makes room for it.
func (t *task) container(name string) *container {
	if c := t.find(name); c != nil {
		return c
	}
	c := &container{id: t.id + "-" + name, name: name}
	t.containers = append(t.containers, c)
	return c
}

// sees takes what the engine shows of a container. A view that is older than what is known changes nothing.
func (c *container) sees(e engine.Container) {
	if c.deleted || c.seen != nil && e.State < c.seen.State {
		return
	}
	c.run = e.StartedAt
	if c.seen != nil && !c.seen.StartedAt.IsZero() {
		e.StartedAt = c.seen.StartedAt // the first that was told stands
	}
	c.seen, c.vanished, c.printed = &e, false, true
}

// missing is a container that the engine shows no more. One that was never made whole was never there.
func (c *container) missing() {
	if c.seen != nil && c.seen.State == engine.Creating {
		c.seen = nil
	}
	c.vanished = c.seen != nil && !c.deleted
}

func (c *container) exists() bool {
	return c.seen != nil && !c.vanished && !c.deleted && c.seen.State >= engine.Created
}

func (c *container) started() bool { return c.seen != nil && c.seen.State >= engine.Running }

func (c *container) running() bool { return c.exists() && c.seen.State == engine.Running }

func (c *container) exited() bool { return c.seen != nil && c.seen.State == engine.Exited }

func (c *container) essential() bool { return c.want == nil || c.want.Essential }

func (t *task) any(is func(*container) bool) bool { return slices.ContainsFunc(t.containers, is) }

func (t *task) all(are func(*container) bool) bool {
	return !t.any(func(c *container) bool { return !are(c) })
}

// over tells of a container that it will not run any more, or never will: none is made for the
// first time in a group of which another has run, for all are made before the first starts.
func (t *task) over(c *container) bool {
	switch {
	case t.comesBack(c):
		return false
	case c.exited() || c.vanished || c.pending():
		return true
	case c.exists():
		return false
	}
	return t.any((*container).hasRun) || t.lost()
}

// hasRun tells of a container that its process was once started.
func (c *container) hasRun() bool { return c.started() || c.rerun != nil }

// lost is a task that has run, says the control plane, and of which nothing is left here.
func (t *task) lost() bool {
	return t.want != nil && t.want.Recorded >= nodeapi.Running && !t.working(create) &&
		t.all(func(c *container) bool { return c.seen == nil })
}

// working tells whether an action of one of these kinds is under way.
func (t *task) working(kinds ...kind) bool {
	for a := range t.busy {
		if slices.Contains(kinds, a.kind) {
			return true
		}
	}
	return false
}

// become moves the task forward and notes when.
func (t *task) become(c change, now time.Time) {
	t.status = c.status
	switch c.status {
	case nodeapi.Running:
		t.began = t.lastStart()
	case nodeapi.Stopping:
		t.stopping, t.stopCode, t.stopReason = now, c.code, c.reason
		if c.about != nil {
			c.about.reason = cmp.Or(c.about.reason, c.reason)
		}
	case nodeapi.Deprovisioning:
		t.ended = now
	case nodeapi.Stopped:
		t.stoppedTime = now
	}
}

// begin notes that an action is under way.
func (t *task) begin(a action, now time.Time) {
	t.busy[a] = true
	switch {
	case a.kind == pull && t.pullStarted.IsZero():
		t.pullStarted = now
	case a.kind == create:
		t.containerOf(a).printed = true // the file may be made even where the container can not be
	}
}

func (t *task) pulled(c *container, image engine.Image, now time.Time) {
	c.image = &image
	if t.all(func(c *container) bool { return c.image != nil || c.exists() }) {
		t.pullStopped = now
	}
}

// made and ran are what the agent knows of its own deed before the engine is looked at again.
func (t *task) made(c *container, number uint64, now time.Time) {
	c.changed, c.madeAt = number, now
	defer t.forgetSecrets()
	c.sees(engine.Container{ID: c.id, Task: t.id, Name: c.name, Digest: c.image.Digest, State: engine.Created})
}

func (t *task) ran(c *container, now time.Time) {
	if c.started() {
		return // it was looked at in between
	}
	e := *c.seen
	e.State, e.StartedAt = engine.Running, now
	c.sees(e)
}

// forgetSecrets forgets what the containers were given, once none is to be made any more.
func (t *task) forgetSecrets() {
	if t.all((*container).exists) && !t.any(func(c *container) bool { return c.want != nil && c.want.Restart != nil }) {
		t.secrets = nil
	}
}

func (t *task) removed(c *container) { c.deleted, c.drained = true, false }
