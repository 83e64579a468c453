package agent

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// world is one task on a machine of its own, in which anything may happen in any order: actions
// succeed, fail, or take effect and fail; containers exit; the agent dies and starts anew.
type world struct {
	rt   *rapid.T
	want nodeapi.Task
	now  time.Time

	// What is on the machine, and outlives the agent.
	there    map[string]engine.Container
	ran      map[string]int // how often each container was started
	last     map[string]int // how its last run ended
	ledger   map[string]*rerun
	prepared bool
	outputs  map[string]bool

	// What the control plane has.
	known nodeapi.Status
	codes map[string]int // exit codes that were told

	task *task // what the agent has in mind
	over bool  // it has forgotten the task
}

func newWorld(rt *rapid.T) *world {
	w := &world{rt: rt, now: time.Unix(0, 0), there: map[string]engine.Container{}, ran: map[string]int{}, outputs: map[string]bool{}, codes: map[string]int{}, last: map[string]int{}}
	w.want = nodeapi.Task{ID: "t", Secret: rapid.Bool().Draw(rt, "secret")}
	for i := range rapid.IntRange(1, 3).Draw(rt, "containers") {
		name := string(rune('a' + i))
		c := nodeapi.Container{
			Name: name, Image: "i", Essential: i == 0 || rapid.Bool().Draw(rt, "essential"), StopTimeout: time.Second, Log: &nodeapi.Log{},
		}
		if rapid.Bool().Draw(rt, "restarts") {
			c.Restart = &nodeapi.Restart{AttemptPeriod: time.Second, IgnoredExitCodes: []int{1}}
		}
		if rapid.Bool().Draw(rt, "checked") {
			c.Health = &nodeapi.HealthCheck{Command: []string{"CMD", "x"}, Interval: time.Second, Retries: 2}
		}
		if i > 0 && rapid.Bool().Draw(rt, "depends") {
			on := w.want.Containers[rapid.IntRange(0, i-1).Draw(rt, "on")].Name
			c.DependsOn = []nodeapi.Dependency{{Container: on, Condition: rapid.SampledFrom([]string{"START", "COMPLETE", "SUCCESS", "HEALTHY"}).Draw(rt, "condition")}}
		}
		w.want.Containers = append(w.want.Containers, c)
	}
	w.restart()
	return w
}

// restart is a new agent, which knows what it sees.
func (w *world) restart() {
	if w.known == nodeapi.Stopped && len(w.there) == 0 && !w.prepared && len(w.outputs) == 0 {
		w.over = true // there is nothing to know of the task
		return
	}
	w.task = newTask("t")
	w.task.since = w.now
	w.look()
	w.task.decided(w.ledger)
	for name := range w.outputs {
		w.task.container(name).printed = true
	}
	w.name()
	w.decide()
}

// name is a complete frame: the control plane names what has not stopped.
func (w *world) name() {
	if w.known == nodeapi.Stopped {
		w.task.orphan = true
		return
	}
	want := w.want
	want.Recorded = w.known
	w.task.wanted(want)
}

func (w *world) look() {
	w.task.doubt = 0
	for name, e := range w.there {
		w.task.container(name).sees(e)
	}
	for _, c := range w.task.containers {
		if _, there := w.there[c.name]; !there {
			c.missing()
		}
	}
}

func (w *world) decide() {
	before := w.task.status
	d := step(w.task, w.now)
	for d.become != nil {
		if d.become.status <= before {
			w.rt.Fatalf("goes back from %v to %v", before, d.become.status)
		}
		before = d.become.status
		w.task.become(*d.become, w.now)
		d = step(w.task, w.now)
	}
	asked := map[action]bool{}
	for _, a := range d.do {
		if asked[a] = true; !w.task.busy[a] {
			w.task.begin(a, w.now)
		}
	}
	for a := range w.task.busy {
		if !asked[a] && a.kind.canBeGivenUp() {
			delete(w.task.busy, a)
		}
	}
	if d.forget {
		w.forgotten()
	}
}

func (w *world) forgotten() {
	w.over = true
	if len(w.there) > 0 || w.prepared || len(w.outputs) > 0 {
		w.rt.Fatalf("forgotten, and left behind: %v, prepared %v, outputs %v", w.there, w.prepared, w.outputs)
	}
}

// effect does to the machine what an action does.
func (w *world) effect(a action) error {
	e, there := w.there[a.container]
	switch a.kind {
	case prepare, attach:
		w.prepared = true
	case create:
		for name, n := range w.ran {
			if r := w.ledger[a.container]; n > 0 && (r == nil || r.Count != w.ran[a.container]) {
				w.rt.Fatalf("creates %s after %s has run", a.container, name)
			}
		}
		if !there || e.State == engine.Creating {
			w.there[a.container] = engine.Container{ID: "t-" + a.container, Task: "t", Name: a.container, State: engine.Created}
			w.outputs[a.container] = true
		}
	case start:
		if !there {
			return engine.ErrNotFound
		}
		if e.State == engine.Created {
			w.mayStart(a.container)
			w.ran[a.container]++
			e.State, e.StartedAt = engine.Running, w.now
			w.there[a.container] = e
		}
	case count:
		w.ledger = w.task.reruns()
	case unmake:
		if r := w.ledger[a.container]; there && (r == nil || e.State != engine.Exited || !r.Started.Equal(e.StartedAt) || r.Code != e.ExitCode) {
			w.rt.Fatalf("takes %+v away when %+v is noted", e, r)
		}
		delete(w.there, a.container)
	case kill:
		w.exit(a.container, 137)
	case remove:
		if code, told := w.codes[a.container]; e.State == engine.Exited && (!told || code != e.ExitCode) {
			w.rt.Fatalf("removes %s before its exit is told", a.container)
		}
		delete(w.there, a.container)
	case detach:
		if len(w.there) > 0 {
			w.rt.Fatalf("detaches under %v", w.there)
		}
		w.prepared, w.ledger = false, nil
	case finish:
		delete(w.outputs, a.container)
	}
	return nil
}

// mayStart wants a container to start for the first time only when all are there, and what it waits for is as it should be.
func (w *world) mayStart(name string) {
	if w.ran[name] > 0 {
		return
	}
	for _, c := range w.want.Containers {
		if _, there := w.there[c.Name]; !there && w.ran[c.Name] == 0 {
			w.rt.Fatalf("starts %s when only %v are there", name, w.there)
		}
		for _, d := range c.DependsOn {
			on := w.there[d.Container]
			wrong := d.Condition == "COMPLETE" && on.State != engine.Exited || d.Condition == "SUCCESS" && (on.State != engine.Exited || on.ExitCode != 0)
			if c.Name == name && (wrong || w.ran[d.Container] == 0) {
				w.rt.Fatalf("starts %s, which waits for %v, when that is %+v", name, d, on)
			}
		}
	}
}

func (w *world) exit(name string, code int) {
	if e := w.there[name]; e.State == engine.Running {
		e.State, e.ExitCode, e.ExitedAt = engine.Exited, code, w.now
		w.there[name] = e
		w.last[name] = code
	}
}

// end lets an action that is under way end.
func (w *world) end(a action, err error) {
	if err == nil {
		err = w.effect(a)
	}
	delete(w.task.busy, a)
	if err != nil {
		w.task.failed(a, err, w.now)
		if a.kind == create || a.kind == start {
			w.task.doubt = 1
		}
		return
	}
	delete(w.task.tries, a)
	if a.kind == probe {
		w.task.containerOf(a).checked(verdict{code: rapid.IntRange(0, 1).Draw(w.rt, "verdict")}, w.now)
		return
	}
	noteDone(w.task, w.task.containerOf(a), a.kind, w.now)
}

// report tells the control plane how things are.
func (w *world) report() {
	r := w.task.report()
	w.known = max(w.known, r.Status)
	for _, c := range r.Containers {
		if c.ExitCode == nil {
			continue
		}
		if told, is := w.codes[c.Name]; is && told != *c.ExitCode || w.last[c.Name] != *c.ExitCode || c.Restarts != w.ran[c.Name]-1 {
			w.rt.Fatalf("%s ran %d times to exit code %d, and is told as %+v, and before with %d", c.Name, w.ran[c.Name], w.last[c.Name], c, told)
		}
		w.codes[c.Name] = *c.ExitCode
	}
	w.task.acked = r.Status
}

var (
	errBad     = errs.New(errs.Invalid, "bad")
	errTrouble = errors.New("trouble")
)

// happen lets one thing happen.
func (w *world) happen() {
	switch rapid.IntRange(0, 11).Draw(w.rt, "what") {
	case 0:
		w.exit(rapid.SampledFrom(w.want.Containers).Draw(w.rt, "exits").Name, rapid.IntRange(0, 2).Draw(w.rt, "code"))
	case 1:
		w.restart()
		return
	case 2:
		w.want.Stop = w.want.Stop || rapid.Bool().Draw(w.rt, "stop")
		w.name()
	case 3:
		w.report()
	case 4:
		w.look()
	case 5:
		w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute}).Draw(w.rt, "time"))
	default:
		w.endAny()
	}
	if !w.over {
		w.decide()
	}
}

func (w *world) endAny() {
	var busy []action
	for k := fetch; k <= finish; k++ {
		for _, name := range []string{"", "a", "b", "c"} {
			if a := (action{k, name}); w.task.busy[a] {
				busy = append(busy, a)
			}
		}
	}
	if len(busy) == 0 {
		return
	}
	a := rapid.SampledFrom(busy).Draw(w.rt, "action")
	switch rapid.IntRange(0, 9).Draw(w.rt, "outcome") {
	case 0:
		w.end(a, errBad)
	case 1:
		w.end(a, errTrouble)
	case 2: // it took effect, and nobody heard
		w.effect(a)
		w.end(a, errTrouble)
	case 3: // it took effect, and the agent died
		w.effect(a)
		w.restart()
	default:
		w.end(a, nil)
	}
}

// settle lets everything go well until nothing is left to do.
func (w *world) settle() {
	w.want.Stop = true
	w.name()
	for range 1000 {
		w.decide()
		if w.over {
			return
		}
		for k := fetch; k <= finish; k++ {
			for _, name := range []string{"", "a", "b", "c"} {
				if a := (action{k, name}); w.task.busy[a] {
					w.end(a, nil)
				}
			}
		}
		w.look()
		w.report()
		w.now = w.now.Add(time.Second)
	}
	w.rt.Fatalf("does not come to an end: %+v, busy %v, there %v", w.task, w.task.busy, w.there)
}

func TestWhateverHappensATaskConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		for range rapid.IntRange(0, 80).Draw(rt, "things") {
			if !w.over {
				w.happen()
			}
		}
		if !w.over {
			w.settle()
		}
		for name, n := range w.ran {
			if told, is := w.codes[name]; !is || told != w.last[name] {
				rt.Errorf("container %s was run %d times to exit code %d, and is told with %d", name, n, w.last[name], told)
			}
		}
		if w.known != nodeapi.Stopped {
			rt.Errorf("the control plane knows the task as %v", w.known)
		}
	})
}
