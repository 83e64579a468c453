package rollout

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Why tasks are stopped. Source: stopped reasons of Amazon ECS.
const (
	scaling   = "Scaling activity initiated by deployment "
	leaving   = "The container instance is draining"
	replacing = "The task is replaced by deployment "
)

var _ Kind = Rolling

// Rolling brings in as many tasks of the primary deployment as are desired, and lets the others go as they become
// dispensable: there are never more tasks than the maximum, those on their way out counted, and no healthy one is
// stopped where fewer than the minimum would be left; new ones count there once they have proven themselves. It
// starts before it stops, if the maximum and the machines allow.
func Rolling(p *Pass) {
	staying, old := p.sort()
	p.trim(staying, p.healthy())
	if p.primary.State == Failed {
		p.trim(old, p.proven)
		return
	}
	p.dismiss(old)
	_, most := p.s.Bounds()
	need := p.s.Desired - len(staying)
	p.startMoved(staying, old, &need, most)
	if count := min(need, most-p.total); count > 0 && !p.pausing() {
		p.start(count, "")
		need -= count
	}
	if p.s.Waiting != "" {
		need = p.s.Desired - len(staying)
	}
	if need > 0 && p.blocked(staying) {
		least, _ := p.s.Bounds()
		p.retire(old, min(p.proven-least, need))
	}
}

// sort tells the tasks that are to stay from those that are to go.
func (p *Pass) sort() (staying, old []*Task) {
	for _, t := range p.live() {
		if t.Deployment == p.primary.ID && !t.Leaving {
			staying = append(staying, t)
		} else {
			old = append(old, t)
		}
	}
	return staying, old
}

// startMoved starts the tasks that are to be on a certain machine, unless what is to replace them is there already.
func (p *Pass) startMoved(staying, old []*Task, need *int, most int) {
	coming := map[string]int{}
	for _, t := range staying {
		if !p.proves(t) && t.Status != Stopping {
			coming[t.Node]++
		}
	}
	for _, t := range old {
		switch {
		case t.To == "" || t.Status == Stopping:
		case coming[t.To] > 0:
			coming[t.To]--
		case *need > 0 && p.total < most && !p.pausing():
			p.start(1, t.To)
			*need--
		}
	}
}

// trim stops what is more than desired: what is not well first, then where the service has most tasks, the newest
// first, where of the healthy ones given the minimum is left.
func (p *Pass) trim(tasks []*Task, healthy int) {
	surplus := len(tasks) - p.s.Desired
	if surplus <= 0 {
		return
	}
	crowd, well := map[string]int{}, map[string][]*Task{}
	for _, t := range slices.Backward(tasks) { // the newest first
		switch {
		case surplus > 0 && !t.healthy() && !p.protected(t):
			p.stop(t, scaling+p.primary.ID)
			surplus--
			continue
		case t.healthy() && !p.protected(t):
			well[t.Node] = append(well[t.Node], t)
		}
		crowd[t.Node]++
	}
	least, _ := p.s.Bounds()
	p.thin(crowd, well, min(surplus, healthy-least))
}

// thin stops count healthy tasks, each on a machine that has most, of which well has those that may go.
func (p *Pass) thin(crowd map[string]int, well map[string][]*Task, count int) {
	for level := slices.Max(append(slices.Collect(maps.Values(crowd)), 0)); level > 0 && count > 0; level-- {
		var next []*Task
		for node, tasks := range well {
			if crowd[node] == level && len(tasks) > 0 {
				next = append(next, tasks[0])
			}
		}
		slices.SortFunc(next, func(a, b *Task) int { return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.ID, a.ID)) })
		for _, t := range next[:min(count, len(next))] {
			p.stop(t, scaling+p.primary.ID)
			crowd[t.Node]--
			well[t.Node] = well[t.Node][1:]
			count--
		}
	}
}

// dismiss stops tasks that are to go: those that do no work at once, the others as they become dispensable.
func (p *Pass) dismiss(old []*Task) {
	for _, t := range old {
		if !t.healthy() && !t.Away && !p.protected(t) { // what is away may be well: it counts once it is back, or is lost
			p.stop(t, replacing+p.primary.ID)
		}
	}
	p.retire(old, p.proven-p.s.Desired)
}

// retire stops up to count healthy tasks that are to go, those of machines that are to be empty first.
func (p *Pass) retire(old []*Task, count int) {
	well := slices.DeleteFunc(slices.Clone(old), func(t *Task) bool { return !t.healthy() || p.protected(t) })
	slices.SortStableFunc(well, func(a, b *Task) int { return flag(b.Leaving) - flag(a.Leaving) })
	for _, t := range well[:min(max(count, 0), len(well))] {
		reason := replacing + p.primary.ID
		if t.Leaving {
			reason = leaving
		}
		p.stop(t, reason)
	}
}

// blocked tells that nothing can be started before something is stopped, and that what was started has come to
// something.
func (p *Pass) blocked(staying []*Task) bool {
	waits := slices.ContainsFunc(staying, func(t *Task) bool { return t.Status == Starting || t.Status == Running && !p.proves(t) })
	ending := slices.ContainsFunc(p.tasks, func(t *Task) bool { return t.Status == Stopping })
	return !waits && !ending && !p.pausing() && (len(p.out.Starts) == 0 || p.s.Waiting != "")
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
