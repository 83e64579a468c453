package rollout

import "slices"

var _ Kind = Daemon

// Daemon brings one task of the primary deployment to each of the machines. On a machine the new one comes before
// the old one goes if the maximum is 200 percent, and after it otherwise; no healthy one is stopped where fewer
// machines than the minimum would have one.
func Daemon(p *Pass) {
	p.s.Desired = len(p.s.Machines)
	least, _ := p.s.Bounds()
	for _, t := range p.live() {
		if !slices.Contains(p.s.Machines, t.Node) && !t.Away && !p.protected(t) {
			p.stop(t, leaving)
		}
	}
	if p.primary.State == Failed {
		return
	}
	for _, machine := range p.s.Machines {
		p.daemon(machine, least)
	}
}

// daemon takes the next step on one machine.
func (p *Pass) daemon(machine string, least int) {
	var mine, old []*Task
	all := 0
	for _, t := range p.tasks {
		switch {
		case t.Node != machine:
			continue
		case t.Status == Stopping:
		case t.Deployment == p.primary.ID && !t.Leaving:
			mine = append(mine, t)
		default:
			old = append(old, t)
		}
		all++
	}
	if most := max(1, p.s.MaxPercent/100); len(mine) == 0 && all < most && !p.pausing() {
		p.start(1, machine)
	}
	slices.SortStableFunc(mine, func(a, b *Task) int { return flag(b.healthy()) - flag(a.healthy()) })
	for _, t := range mine[min(1, len(mine)):] { // one is enough
		if !p.protected(t) && (!t.healthy() || p.healthy() > least) {
			p.stop(t, scaling+p.primary.ID)
		}
	}
	for _, t := range old {
		switch {
		case p.protected(t) || t.Away:
		case !t.healthy():
			p.stop(t, replacing+p.primary.ID)
		case p.healthy() <= least:
		case len(mine) > 0 && mine[0].healthy(), len(mine) == 0 && p.out.Starting(p.primary.ID, machine) == 0 && !p.pausing():
			p.stop(t, replacing+p.primary.ID)
		}
	}
}
