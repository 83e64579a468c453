package placement

import "slices"

// plan is a request on its way to an answer.
type plan struct {
	fleet    *Fleet
	request  *Request
	need     *Need
	filters  []filter
	rankings []ranking

	once     bool // a machine takes one task
	live     bool // a query asks for the tasks on a machine, and so for those that were just placed
	homeless bool // all tasks go where the first one goes
	turns    bool // ids decide what ranks do not
	thorough bool // all machines are looked at, however many there are

	shelves []shelf
	index   map[[maxRankings]int32]int // of shelves, by their labels
	byLabel []int                      // the same where only one ranking has labels: one more than the shelf; 0: none yet
	taken   map[int]int                // how many tasks were placed, by the machine's place in the fleet
	answer  Answer
}

// Plan chooses machines for the tasks of a request, all as if one after the other. If fewer are chosen than
// asked for, every machine has said why it takes no more. It never changes nodes. A request that Check
// refuses gets no machine, and Invalid as the reason of each.
func Plan(nodes []Node, r Request) Answer {
	return NewFleet(nodes).Plan(r)
}

// Plan is Plan over the machines of the fleet. It changes none of them: Take does, once the choice is recorded.
func (f *Fleet) Plan(r Request) Answer {
	p := &plan{fleet: f, request: &r, need: &r.Need, taken: map[int]int{}}
	p.answer.After = r.After
	if err := p.read(); err != nil {
		return p.invalid(err)
	}
	if r.On != nil {
		return p.start()
	}
	if r.Count > 0 {
		p.look()
		p.choose()
	}
	if len(p.answer.Chosen) < r.Count {
		p.explain()
	}
	return p.answer
}

// read makes filters and rankings of what the request asks for.
func (p *plan) read() error {
	if err := p.request.checkAmounts(); err != nil {
		return err
	}
	if err := p.readConstraints(); err != nil {
		return err
	}
	return p.readStrategies()
}

// look finds the machines that can take a task, and puts the best of them on shelves. It stops when it has
// enough to choose from, and when they have room for all.
func (p *plan) look() {
	room, found, enough := 0, 0, p.enough()
	list := p.able(enough)
	for place := range p.order(len(list.places), list.rare, enough) {
		at := int(list.places[place])
		n := &p.fleet.nodes[at]
		if !p.fits(at, n) {
			continue
		}
		c := candidate{at: at, room: p.room(at, n)}
		for i := range p.rankings {
			if r := &p.rankings[i]; r.label == nil {
				c.ranks[i] = r.first(at, n)
			}
		}
		p.offer(p.shelf(at, n), &c)
		found, room = found+1, room+c.room
		if found >= enough && room >= p.request.Count {
			return
		}
	}
}

// room is how many tasks of the request a machine can take that can take one.
func (p *plan) room(at int, n *Node) int {
	if p.once || len(p.need.Ports) > 0 || p.live && !p.holdsAfter(at, n) {
		return 1
	}
	room := within(p.request.Count, n.CPU, p.need.CPU)
	room = within(room, n.Memory, p.need.Memory)
	if n.AllDisk > 0 {
		room = within(room, n.Disk, p.need.Disk)
	}
	return room
}

// within is how often an amount can be taken of what is left, at most so many times.
func within(most, left, need int) int {
	if need*most <= left { // spares most divisions; Check bounds both
		return most
	}
	return left / need
}

// holdsAfter tells whether the filters hold on a machine with a task of the request on it too. Further ones
// change nothing more, for queries ask whether there are such tasks and not how many.
func (p *plan) holdsAfter(at int, n *Node) bool {
	after := n.Count(*p.request)
	return !slices.ContainsFunc(p.filters, func(f filter) bool { return !f.holds(at, &after) })
}

// choose takes the best of all shelves, again and again.
func (p *plan) choose() {
	for i := range p.shelves {
		best := p.shelves[i].best
		for j := len(best)/2 - 1; j >= 0; j-- {
			p.down(best, j, bestFirst)
		}
	}
	for len(p.answer.Chosen) < p.request.Count {
		s := p.best()
		if s == nil {
			return
		}
		p.take(s)
	}
}

// best is the shelf with the best candidate; nil: there is none any more.
func (p *plan) best() (best *shelf) {
	for i := range p.shelves {
		s := &p.shelves[i]
		if len(s.best) > 0 && (best == nil || p.ahead(s, best)) {
			best = s
		}
	}
	return best
}

// ahead tells whether the best of one shelf is better than that of another.
func (p *plan) ahead(s, other *shelf) bool {
	a, b := &s.best[0], &other.best[0]
	for i := range p.rankings {
		x, y := a.ranks[i], b.ranks[i]
		if sums := p.rankings[i].sums; sums != nil {
			x, y = sums[s.labels[i]], sums[other.labels[i]]
		}
		if x != y {
			return x < y
		}
	}
	return p.earlier(a, b)
}

// take places a task on the best of a shelf.
func (p *plan) take(s *shelf) {
	c := &s.best[0]
	n := &p.fleet.nodes[c.at]
	if p.homeless && len(p.taken) == 0 {
		p.shelves = []shelf{{labels: s.labels, best: []candidate{*c}}}
		s, c = &p.shelves[0], &p.shelves[0].best[0]
	}
	p.placed(c.at, n)
	for i := range p.rankings {
		if r := &p.rankings[i]; r.label == nil {
			c.ranks[i] += r.step(n)
		} else {
			r.sums[s.labels[i]]++
		}
	}
	if c.room--; c.room == 0 {
		last := len(s.best) - 1
		s.best[0] = s.best[last]
		s.best = s.best[:last]
	}
	p.down(s.best, 0, bestFirst)
}

func (p *plan) placed(at int, n *Node) {
	p.taken[at]++
	p.answer.Chosen = append(p.answer.Chosen, n.ID)
	if p.turns {
		p.answer.After = n.ID
	}
}

// start puts one task on each of the named machines and tries no other.
func (p *plan) start() Answer {
	for _, id := range p.request.On {
		at, known := p.fleet.place(id)
		if !known {
			p.answer.Refused = append(p.answer.Refused, Refusal{Node: id, Reason: Missing})
			continue
		}
		n := p.left(at)
		if reason, by := p.why(at, &n); reason != "" {
			p.answer.Refused = append(p.answer.Refused, p.refusal(&n, reason, by))
			continue
		}
		p.placed(at, &n)
	}
	p.answer.Lacks = Sum(p.answer.Refused)
	return p.answer
}
