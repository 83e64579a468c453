package rollout_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/cluster/rollout"
)

// act does something to the world that may happen.
func act(t *rapid.T, w *world) {
	pick := func() *rollout.Task {
		if len(w.s.Tasks) == 0 {
			return &rollout.Task{}
		}
		return &w.s.Tasks[rapid.IntRange(0, len(w.s.Tasks)-1).Draw(t, "task")]
	}
	switch rapid.SampledFrom([]string{"advance", "advance", "all", "all", "well", "die", "die", "end", "sick", "deploy", "scale", "percent", "away", "lost", "back", "drain", "undrain", "protect", "move", "sleep", "sleep"}).Draw(t, "what") {
	case "advance":
		if p := pick(); p.Status == rollout.Starting {
			p.Status = rollout.Running
		} else if p.Status == rollout.Stopping {
			p.Status, p.Well = rollout.Stopped, false
		}
	case "all":
		w.advance()
	case "well":
		if p := pick(); p.Status == rollout.Running {
			p.Well, p.Unwell = true, ""
		}
	case "die":
		if p := pick(); p.Status != rollout.Stopped {
			p.Status, p.Well, p.Why = rollout.Stopped, false, "it died"
		}
	case "end":
		if p := pick(); p.Status == rollout.Running || p.Status == rollout.Starting {
			p.Status, p.Well, p.Why = rollout.Stopping, false, "it ended"
		}
	case "sick":
		if p := pick(); p.Status == rollout.Running {
			p.Well, p.Unwell = false, "failed container health checks"
		}
	case "deploy":
		w.deploy()
	case "scale":
		w.s.Desired = rapid.IntRange(0, 6).Draw(t, "desired")
		w.s.Machines = machines(w.s.Desired)
	case "percent":
		w.s.MinPercent, w.s.MaxPercent = rapid.IntRange(0, 100).Draw(t, "min"), rapid.IntRange(100, 250).Draw(t, "max")
	case "away":
		pick().Away = true
	case "lost":
		if p := pick(); p.Away {
			p.Away, p.Lost = false, true
		}
	case "back":
		p := pick()
		p.Away, p.Lost = false, false
	case "drain":
		pick().Leaving = true
	case "undrain":
		pick().Leaving = false
	case "protect":
		pick().Protected = w.now.Add(time.Minute)
	case "move":
		p := pick()
		p.Leaving, p.To = true, "m9"
	case "sleep":
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
	}
}

func machines(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("m", i))
	}
	return all
}

func anyWorld(t *rapid.T) *world {
	kind := rapid.SampledFrom([]rollout.Kind{rollout.Rolling, rollout.Daemon}).Draw(t, "kind")
	w := newWorld(kind, rapid.IntRange(0, 6).Draw(t, "desired"), rapid.IntRange(0, 100).Draw(t, "min"), rapid.IntRange(100, 250).Draw(t, "max"))
	w.s.Machines = machines(w.s.Desired)
	w.s.Breaker, w.s.BreakerRollback = rapid.Bool().Draw(t, "breaker"), rapid.Bool().Draw(t, "rollback")
	w.unchecked = rapid.Bool().Draw(t, "unchecked")
	return w
}

// check fails where a plan breaks a bound.
func check(t *rapid.T, w *world, c rollout.Changes) {
	total, healthy := w.counts()
	starts := 0
	for _, s := range c.Starts {
		starts += s.Count
	}
	s := w.s
	daemon := len(c.Starts) > 0 && c.Starts[0].Node != "" && s.Desired != len(s.Machines)
	if !daemon && starts > 0 {
		if _, most := s.Bounds(); total+starts > most && len(s.Machines) == 0 {
			t.Fatalf("%d tasks and %d starts are more than the maximum, %d", total, starts, most)
		}
	}
	left, replaced := healthy, false
	for _, stop := range c.Stops {
		i := slices.IndexFunc(s.Tasks, func(task rollout.Task) bool { return task.ID == stop.Task })
		task := s.Tasks[i]
		if task.Status == rollout.Stopping || task.Status == rollout.Stopped {
			t.Fatalf("%s is stopped twice", task.ID)
		}
		if task.Protected.After(w.now) && task.Unwell == "" {
			t.Fatalf("%s is protected and is stopped", task.ID)
		}
		elsewhere := len(s.Machines) > 0 && !slices.Contains(s.Machines, task.Node) // a daemon where none is to be: no bound keeps it
		if task.Status == rollout.Running && task.Well && task.Unwell == "" && !task.Away && !task.Lost && !elsewhere {
			left--
			replaced = replaced || !primary(s, task)
		}
	}
	if least, _ := s.Bounds(); left < healthy && left < least {
		t.Fatalf("stops leave %d of %d healthy tasks, fewer than the minimum, %d", left, healthy, least)
	}
	stopped := func(id string) bool {
		return slices.ContainsFunc(c.Stops, func(s rollout.Stop) bool { return s.Task == id })
	}
	back := slices.ContainsFunc(c.Deployments, func(d rollout.Deployment) bool { return d.Primary && d.Rollback })
	if least, _ := s.Bounds(); replaced && !back && w.proven(stopped) < least {
		t.Fatalf("old tasks go, and %d are left that have proven themselves, fewer than the minimum, %d", w.proven(stopped), least)
	}
}

func primary(s rollout.Service, task rollout.Task) bool {
	return slices.ContainsFunc(s.Deployments, func(d rollout.Deployment) bool { return d.Primary && d.ID == task.Deployment })
}

func TestBoundsHoldWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rollout.Rolling, rapid.IntRange(0, 6).Draw(t, "desired"), rapid.IntRange(0, 100).Draw(t, "min"), rapid.IntRange(100, 250).Draw(t, "max"))
		w.s.Breaker, w.s.BreakerRollback = rapid.Bool().Draw(t, "breaker"), rapid.Bool().Draw(t, "rollback")
		w.unchecked = rapid.Bool().Draw(t, "unchecked")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			act(t, w)
			w.s.Machines = nil
			if rapid.Bool().Draw(t, "pass") {
				check(t, w, w.plan())
				w.pass(func(rollout.Start) bool { return rapid.IntRange(0, 4).Draw(t, "refused") == 0 })
			}
		}
	})
}

func TestDaemonsKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rollout.Daemon, 4, rapid.IntRange(0, 100).Draw(t, "min"), rapid.SampledFrom([]int{100, 200}).Draw(t, "max"))
		w.s.Machines, w.unchecked = machines(4), rapid.Bool().Draw(t, "unchecked")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			act(t, w)
			if rapid.Bool().Draw(t, "pass") {
				w.s.Desired = len(w.s.Machines)
				check(t, w, w.plan())
				w.pass(nil)
				perMachine(t, w)
			}
		}
	})
}

// perMachine fails where a machine was given more daemons than it may have.
func perMachine(t *rapid.T, w *world) {
	for _, start := range w.last.Starts {
		n := 0
		for _, task := range w.s.Tasks {
			if task.Node == start.Node && task.Status != rollout.Stopped && !task.Lost {
				n++
			}
		}
		if most := max(1, w.s.MaxPercent/100); n > most {
			t.Fatalf("machine %s has %d daemons, more than %d", start.Node, n, most)
		}
	}
}

// TestItComesToBeAsWanted: once nothing bad happens any more, a service becomes what is wanted of it, or says why not.
func TestItComesToBeAsWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld(t)
		if w.s.MinPercent == 100 && w.s.MaxPercent < 200 {
			w.s.MaxPercent = 200
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			act(t, w)
			if rapid.Bool().Draw(t, "pass") {
				w.pass(nil)
			}
		}
		for i := range w.s.Tasks {
			task := &w.s.Tasks[i]
			task.Away, task.Lost, task.Leaving, task.To, task.Unwell, task.Protected = false, false, false, "", "", time.Time{}
			task.Well = task.Status == rollout.Running
		}
		for range 80 {
			w.pass(nil)
			w.now = w.now.Add(time.Minute)
			w.advance()
		}
		c := w.pass(nil)
		if len(c.Starts)+len(c.Stops)+len(c.Events) > 0 {
			t.Fatalf("it never comes to rest: %+v\n%s", c, w.line())
		}
		if w.s.Said == "" {
			t.Fatalf("it rests and does not say why:\n%s", w.line())
		}
		if total, healthy := w.counts(); w.s.Said == "has reached a steady state." && (total != w.s.Desired || healthy != w.s.Desired) {
			t.Fatalf("it says it is steady with %d tasks, %d healthy, of %d", total, healthy, w.s.Desired)
		}
	})
}

func TestAPlanIsTheSameForTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld(t)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			act(t, w)
			w.pass(nil)
		}
		a := fmt.Sprintf("%+v", w.plan())
		slices.Reverse(w.s.Tasks)
		if b := fmt.Sprintf("%+v", w.plan()); len(a) != len(b) {
			t.Fatalf("the order of tasks matters:\n%s\n%s", a, b)
		}
	})
}

func TestThresholds(t *testing.T) {
	for desired, want := range map[int]int{0: 3, 1: 3, 6: 3, 7: 4, 25: 13, 400: 200, 1000: 200} {
		if got := rollout.Threshold(desired); got != want {
			t.Errorf("of %d tasks the threshold is %d, want %d", desired, got, want)
		}
	}
}
