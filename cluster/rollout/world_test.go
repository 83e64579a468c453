package rollout_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"slipway/cluster/rollout"
)

var rules = rollout.Rules{Settle: 5 * time.Second, Backoff: time.Second, MaxBackoff: time.Minute}

// world is a service on machines that do what is planned.
type world struct {
	kind      rollout.Kind
	s         rollout.Service
	now       time.Time
	made      int
	rollout   int
	ended     bool
	unchecked bool            // nothing looks after the health of tasks
	gone      map[string]bool // deployments
	last      rollout.Changes
}

func newWorld(kind rollout.Kind, desired, least, most int) *world {
	w := &world{kind: kind, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), gone: map[string]bool{}}
	w.s = rollout.Service{Name: "web", Desired: desired, MinPercent: least, MaxPercent: most}
	w.deploy()
	return w
}

// deploy makes a new deployment the primary one.
func (w *world) deploy() {
	w.rollout++
	for i := range w.s.Deployments {
		w.s.Deployments[i].Primary = false
		w.s.Deployments[i].Steady = time.Time{}
	}
	w.s.Deployments = append(w.s.Deployments, rollout.Deployment{ID: fmt.Sprint("d", w.rollout), Primary: true, State: rollout.InProgress})
	w.s.Said, w.s.Waiting = "", ""
}

// plan asks what is to be done.
func (w *world) plan() rollout.Changes { return rollout.Plan(w.kind, w.s, rules, w.now) }

// pass does all that is to be done, but what is refused of the starts.
func (w *world) pass(refuse func(rollout.Start) bool) rollout.Changes {
	c := w.plan()
	w.last = c
	w.s.Said = c.Said
	w.ended = c.Ended
	w.s.Tasks = slices.DeleteFunc(w.s.Tasks, func(t rollout.Task) bool { return slices.Contains(c.Counted, t.ID) })
	for _, d := range c.Deployments {
		i := slices.IndexFunc(w.s.Deployments, func(have rollout.Deployment) bool { return have.ID == d.ID })
		w.s.Deployments[i] = d
	}
	w.s.Deployments = slices.DeleteFunc(w.s.Deployments, func(d rollout.Deployment) bool { return slices.Contains(c.Gone, d.ID) })
	for i := range w.s.Tasks {
		t := &w.s.Tasks[i]
		if slices.Contains(c.Well, t.ID) {
			t.Since = w.now
		}
		if slices.ContainsFunc(c.Stops, func(s rollout.Stop) bool { return s.Task == t.ID }) {
			t.Status, t.Wanted = rollout.Stopping, true
		}
	}
	w.s.Waiting = ""
	for _, s := range c.Starts {
		if refuse != nil && refuse(s) {
			w.s.Waiting = "was unable to place a task."
			continue
		}
		for range s.Count {
			w.made++
			node := s.Node
			if node == "" {
				node = fmt.Sprint("m", w.made%3)
			}
			w.s.Tasks = append(w.s.Tasks, rollout.Task{ID: fmt.Sprintf("t%02d", w.made), Deployment: s.Deployment, Node: node, Created: w.now, Checked: !w.unchecked})
		}
	}
	return c
}

// advance has every task do what it is to do next: those that start run, those that run are well, those that stop have stopped.
func (w *world) advance() {
	for i := range w.s.Tasks {
		t := &w.s.Tasks[i]
		switch t.Status {
		case rollout.Starting:
			t.Status, t.Well = rollout.Running, true
		case rollout.Stopping:
			t.Status, t.Well = rollout.Stopped, false
		}
	}
}

// counts are the tasks that are there, and those that are healthy.
func (w *world) counts() (total, healthy int) {
	for _, t := range w.s.Tasks {
		if t.Status == rollout.Stopped || t.Lost {
			continue
		}
		total++
		if t.Status == rollout.Running && t.Well && t.Unwell == "" && !t.Away {
			healthy++
		}
	}
	return total, healthy
}

// proven counts the healthy tasks that others may go for: the new ones that nothing checks have to stand first.
func (w *world) proven(stopped func(id string) bool) (n int) {
	primary := w.s.Deployments[slices.IndexFunc(w.s.Deployments, func(d rollout.Deployment) bool { return d.Primary })].ID
	for _, t := range w.s.Tasks {
		healthy := t.Status == rollout.Running && t.Well && t.Unwell == "" && !t.Away && !t.Lost
		stands := !t.Since.IsZero() && !t.Since.Add(rules.Settle).After(w.now)
		if healthy && !stopped(t.ID) && (t.Deployment != primary || t.Checked || stands) {
			n++
		}
	}
	return n
}

// line shows where the service is: by deployment, how many tasks are in each state.
func (w *world) line() (line string) {
	byID := map[string][4]int{}
	for _, t := range w.s.Tasks {
		n := byID[t.Deployment]
		switch {
		case t.Status == rollout.Running && t.Well:
			n[1]++
		case t.Status == rollout.Running, t.Status == rollout.Starting:
			n[0]++
		case t.Status == rollout.Stopping:
			n[2]++
		}
		byID[t.Deployment] = n
	}
	for _, d := range w.s.Deployments {
		if _, ok := byID[d.ID]; !ok {
			byID[d.ID] = [4]int{}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		mark, state := " ", "gone"
		for _, d := range w.s.Deployments {
			if d.ID == id {
				state = d.State
				if d.Primary {
					mark = "*"
				}
			}
		}
		n := byID[id]
		line += fmt.Sprintf("  %s%s %s: %d coming, %d healthy, %d going", id, mark, state, n[0], n[1], n[2])
	}
	return line
}
