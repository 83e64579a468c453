package rollout

import (
	"cmp"
	"slices"
	"strings"
)

// Balance is how the tasks of a service lie on machines.
type Balance struct {
	Machines []Machine // those that take tasks of the service
	Tasks    []Placed  // those that could be moved, and those that could not
}

// Machine is one that takes tasks of the service.
type Machine struct {
	ID      string
	Domains []string // what tasks are spread over, the first before the second: {"zone-a", "rack-1", ID}
	Free    int      // how many more tasks of the service it has room for
}

// Placed is a task on its machine.
type Placed struct {
	ID    string
	Node  string
	Fixed bool // it is protected, or on the move already
}

// Move is a task that would be better off elsewhere.
type Move struct{ Task, From, To string }

// Rebalance plans the fewest moves after which no domain has two tasks more than another that has room, first among
// all domains of the first kind, then within each of these, and so on. Nothing is planned for what is balanced, and
// after the moves nothing more is. Tasks of machines that are not named are left out: they go anyway.
func Rebalance(b Balance) (moves []Move) {
	w := &weights{machines: slices.Clone(b.Machines), tasks: slices.Clone(b.Tasks)}
	slices.SortFunc(w.machines, func(x, y Machine) int { return strings.Compare(x.ID, y.ID) })
	depth := 0
	for _, m := range w.machines {
		depth = max(depth, len(m.Domains))
	}
	for level := range depth {
		for {
			m, ok := w.step(level)
			if !ok {
				break
			}
			moves = append(moves, m)
		}
	}
	return joined(moves)
}

// weights are where tasks lie while moves are planned.
type weights struct {
	machines []Machine
	tasks    []Placed
}

// domain names a machine's domain of a level, within those above it.
func (m Machine) domain(level int) string {
	return strings.Join(m.Domains[:min(level, len(m.Domains))], "\x00")
}

// step finds the move of a level that helps most.
func (w *weights) step(level int) (best Move, ok bool) {
	counts := w.counts(level + 1)
	gain := 1
	for _, t := range w.tasks {
		from := w.machine(t.Node)
		if t.Fixed || from < 0 {
			continue
		}
		for to, m := range w.machines {
			source := w.machines[from]
			if m.Free < 1 || m.domain(level) != source.domain(level) {
				continue
			}
			g := counts[source.domain(level+1)] - counts[m.domain(level+1)]
			if g > gain || g == gain && ok && w.crowd(w.machine(best.To)) > w.crowd(to) && source.ID == best.From {
				best, gain, ok = Move{t.ID, source.ID, m.ID}, g, true
			}
		}
	}
	if ok {
		w.take(best)
	}
	return best, ok
}

// counts are the tasks in each domain.
func (w *weights) counts(level int) map[string]int {
	counts := map[string]int{}
	for _, t := range w.tasks {
		if i := w.machine(t.Node); i >= 0 {
			counts[w.machines[i].domain(level)]++
		}
	}
	return counts
}

// crowd counts the tasks on one machine.
func (w *weights) crowd(machine int) (n int) {
	for _, t := range w.tasks {
		if t.Node == w.machines[machine].ID {
			n++
		}
	}
	return n
}

func (w *weights) machine(id string) int {
	i, found := slices.BinarySearchFunc(w.machines, id, func(m Machine, id string) int { return strings.Compare(m.ID, id) })
	if !found {
		return -1
	}
	return i
}

func (w *weights) take(m Move) {
	i := slices.IndexFunc(w.tasks, func(t Placed) bool { return t.ID == m.Task })
	w.tasks[i].Node = m.To
	w.machines[w.machine(m.From)].Free++
	w.machines[w.machine(m.To)].Free--
}

// joined makes one move of those that take the same task on.
func joined(moves []Move) (all []Move) {
	for _, m := range moves {
		if i := slices.IndexFunc(all, func(have Move) bool { return have.Task == m.Task }); i >= 0 {
			all[i].To = m.To
		} else {
			all = append(all, m)
		}
	}
	all = slices.DeleteFunc(all, func(m Move) bool { return m.From == m.To })
	slices.SortFunc(all, func(a, b Move) int { return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.Task, b.Task)) })
	return all
}
