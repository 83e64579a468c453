package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/cluster"
	"slipway/cluster/placement"
)

// What the events of a service say of a state that lasts.
const (
	isSteady  = "has reached a steady state."
	isBlocked = "was unable to stop or start tasks during a deployment because of the service deployment configuration."
	noPlace   = "was unable to place a task"
	nextTry   = "The next attempt is in"
	hasFailed = "deployment failed: "
)

// rest fails while a service is on its way to somewhere. It returns the tasks of those services that are at rest and go
// on trying, which come and go.
func (w *world) rest() (loose map[string]bool, err error) {
	loose = map[string]bool{}
	_, err = ask(w.plane, func(s *server) (none struct{}, err error) {
		machines, err := w.instances(w.t.Context(), s)
		if err != nil {
			return none, err
		}
		for _, o := range w.owners {
			if err := w.restOf(w.t.Context(), s, o, machines, loose); err != nil {
				return none, err
			}
		}
		return none, nil
	})
	return loose, err
}

func (w *world) restOf(ctx context.Context, s *server, o *owner, machines []cluster.Instance, loose map[string]bool) error {
	var names []string
	for _, want := range o.wants {
		names = append(names, want.name)
	}
	found, _, err := s.Services(ctx, o.account, o.cluster, names)
	if err != nil {
		return err
	}
	for _, want := range o.wants {
		i := slices.IndexFunc(found, func(f cluster.Service) bool { return f.Name == want.name })
		if err := want.judge(i >= 0 && found[i].Status == cluster.Active, found, i); err != nil {
			return err
		}
	}
	for _, f := range found {
		tasks, err := s.tasksOfService(ctx, o.account, o.cluster, f.Name)
		if err != nil {
			return err
		}
		r := resting{f, tasks, machines, found}
		goesOn, err := r.judge()
		if err != nil {
			return fmt.Errorf("service %s of %s in %s: %w; it is %+v", f.Name, o.account, o.cluster, err, r.line())
		}
		for _, t := range tasks {
			loose[t.id] = goesOn
		}
	}
	return nil
}

// judge holds what an owner was told against what is.
func (w *want) judge(active bool, found []cluster.Service, i int) error {
	switch {
	case w.sure && w.there != active:
		return fmt.Errorf("service %s was told to be there: %t, and is: %t", w.name, w.there, active)
	case w.sure && active && !w.daemon && found[i].Desired != w.desired:
		return fmt.Errorf("service %s was told to have %d tasks, and is to have %d", w.name, w.desired, found[i].Desired)
	}
	return nil
}

// resting is a service that is to be at rest, with all around it.
type resting struct {
	cluster.Service
	tasks    []served
	machines []cluster.Instance
	others   []cluster.Service
}

// judge fails where the service is not at rest, and tells whether it goes on trying.
func (r resting) judge() (goesOn bool, err error) {
	if r.Status != cluster.Active {
		if r.Status != cluster.Inactive || len(r.tasks) > 0 {
			return false, fmt.Errorf("it is deleted, and not gone")
		}
		return false, nil
	}
	primary := r.Deployments[0]
	switch {
	case primary.Status != cluster.Primary:
		return false, fmt.Errorf("it has no primary deployment")
	case r.says(isSteady) && primary.State == cluster.RolloutCompleted && len(r.Deployments) == 1:
		return false, r.steady()
	case primary.State == cluster.RolloutFailed:
		if primary.Reason == "" || !r.told(hasFailed) {
			return false, fmt.Errorf("it has failed, and no event says why")
		}
		return false, nil
	case hopeless[primary.Revision.Definition.Family] && primary.Failed >= 3:
		if !r.told(nextTry) {
			return false, fmt.Errorf("its tasks fail, and no event says so")
		}
		return true, nil
	case r.Waiting != nil && r.Waiting.Count > 0 && r.told(noPlace):
		return false, r.waits(primary.Revision.Definition.Family)
	case r.says(isBlocked):
		return false, r.blocked()
	}
	return false, fmt.Errorf("it is not at rest")
}

// says tells whether the newest event has that sentence.
func (r resting) says(text string) bool {
	return len(r.Events) > 0 && strings.Contains(r.Events[0].Text, text)
}

func (r resting) told(text string) bool {
	return slices.ContainsFunc(r.Events, func(e cluster.ServiceEvent) bool { return strings.Contains(e.Text, text) })
}

// steady wants a service that is said to be steady to have its tasks, all of them where tasks may stay.
func (r resting) steady() error {
	if len(r.tasks) != r.Desired || r.Running != r.Desired || r.Pending != 0 {
		return fmt.Errorf("it is said to be steady with %d tasks of %d", len(r.tasks), r.Desired)
	}
	for _, t := range r.tasks {
		if !t.running || t.stops || t.deployment != r.Deployments[0].ID {
			return fmt.Errorf("it is said to be steady with %+v", t)
		}
		if m := r.machine(t.node); m.Status != cluster.Active {
			return fmt.Errorf("it is said to be steady with task %s on a machine that is %s", t.id, m.Status)
		}
	}
	return nil
}

func (r resting) machine(id string) cluster.Instance {
	i := slices.IndexFunc(r.machines, func(m cluster.Instance) bool { return m.ID == id })
	return r.machines[i]
}

// waits wants a service that waits to have no machine with room for it.
func (r resting) waits(family string) error {
	need := sites()[family].Need()
	distinct := slices.ContainsFunc(r.Constraints, func(c placement.Constraint) bool { return c.Type == placement.DistinctInstance })
	for _, m := range r.machines {
		has := slices.ContainsFunc(r.tasks, func(t served) bool { return t.node == m.ID })
		kept := slices.ContainsFunc(r.others, func(o cluster.Service) bool {
			return o.Waiting != nil && o.Waiting.Reserved == m.ID && o.Name != r.Name
		})
		if m.Account != r.Account || m.Cluster != "" && m.Cluster != r.Cluster || m.Status != cluster.Active || kept || has && (distinct || r.Strategy == cluster.Daemon) {
			continue
		}
		left := m.Remaining()
		taken := slices.ContainsFunc(need.Ports, func(p placement.Port) bool {
			return slices.ContainsFunc(m.Taken, func(q placement.Port) bool { return q.Number == p.Number })
		})
		if !taken && left.CPU >= need.CPU && left.Memory >= need.Memory {
			return fmt.Errorf("it waits for a place, and machine %s has room for %+v: %d, %d", m.ID, need, left.CPU, left.Memory)
		}
	}
	return nil
}

// blocked wants a service that says its bounds leave no step to have such bounds.
func (r resting) blocked() error {
	least, most := (r.Desired*r.MinPercent+99)/100, r.Desired*r.MaxPercent/100
	if r.Strategy == cluster.Daemon {
		most = r.Desired * (r.MaxPercent / 100)
	}
	if most > r.Desired || least < r.Desired {
		return fmt.Errorf("it says that it may do nothing, with from %d to %d tasks of %d", least, most, r.Desired)
	}
	return nil
}

// line shows where the service is.
func (r resting) line() string {
	line := fmt.Sprintf("%s %s desired %d (%d-%d%%), %d running, %d pending", r.Status, r.Strategy, r.Desired, r.MinPercent, r.MaxPercent, r.Running, r.Pending)
	for _, d := range r.Deployments {
		line += fmt.Sprintf("; %s %s %s of %s: %d running, %d pending, %d failed", d.ID, d.Status, d.State, d.Revision.Definition.Family, d.Running, d.Pending, d.Failed)
	}
	for _, t := range r.tasks {
		m := r.machine(t.node)
		if t.running && !t.stops && t.moves == "" && (t.health == "" || t.health == "HEALTHY") && m.Connected && m.Status == cluster.Active {
			continue
		}
		line += fmt.Sprintf("; task %s running %t, health %q, stops %t, moves to %q, on %s (%s, connected %t)", t.id, t.running, t.health, t.stops, t.moves, t.node, m.Status, m.Connected)
	}
	if r.Waiting != nil {
		line += fmt.Sprintf("; %d wait since %s", r.Waiting.Count, r.Waiting.Since)
	}
	for _, e := range r.Events[:min(5, len(r.Events))] {
		line += "\n\t" + e.Created.Format("15:04:05 ") + e.Text
	}
	return line
}
