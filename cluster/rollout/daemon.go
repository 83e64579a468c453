package rollout

import "slices"

var _ Kind = Daemon

// Daemon brings one task of the primary deployment to each of the machines. On a machine the new one comes before
// the old one goes if the maximum is 200 percent, and after it otherwise; no healthy one is stopped where fewer
// than the minimum would be left.
func Daemon(p *Pass) {
	p.s.Desired = len(p.s.Machines)
	on := make(map[string][]*Task, len(p.s.Machines))
	for _, machine := range p.s.Machines {
		on[machine] = nil
	}
	for _, t := range p.tasks {
		_, wanted := on[t.Node]
		if !wanted && t.Status != Stopping && !t.Away && !p.protected(t) {
			p.stop(t, leaving)
		}
		if wanted {
			on[t.Node] = append(on[t.Node], t)
		}
	}
	if p.primary.State == Failed {
		return
	}
	for _, machine := range p.s.Machines {
		p.daemon(machine, on[machine])
	}
}

// daemon takes the next step on one machine, whose tasks are given.
func (p *Pass) daemon(machine string, tasks []*Task) {
	var mine, old []*Task
	for _, t := range tasks {
		switch {
		case t.Status == Stopping:
		case t.Deployment == p.primary.ID && !t.Leaving:
			mine = append(mine, t)
		default:
			old = append(old, t)
		}
	}
	starts := len(mine) == 0 && len(tasks) < max(1, p.s.MaxPercent/100) && !p.pausing()
	if starts {
		p.start(1, machine)
	}
	least, _ := p.s.Bounds()
	slices.SortStableFunc(mine, func(a, b *Task) int { return flag(p.proves(b)) - flag(p.proves(a)) })
	for _, t := range mine[min(1, len(mine)):] { // one is enough
		if !p.protected(t) && (!t.healthy() || p.proven > least) {
			p.stop(t, scaling+p.primary.ID)
		}
	}
	for _, t := range old {
		switch {
		case p.protected(t) || t.Away:
		case !t.healthy():
			p.stop(t, replacing+p.primary.ID)
		case p.proven <= least:
		case len(mine) > 0 && p.proves(mine[0]), len(mine) == 0 && !starts && !p.pausing():
			p.stop(t, replacing+p.primary.ID)
		}
	}
}
