package placement

// maxRankings is how many numbers rank a machine: one of each strategy, and chance.
const maxRankings = maxStrategies + 1

// candidate is a machine that can take a task.
type candidate struct {
	at    int // its place in the fleet
	room  int // how many tasks it can take still
	ranks [maxRankings]float64
}

// shelf holds the best candidates of those that have all their labels in common. At most as many are needed
// as there are tasks: of the machines that nobody has chosen yet the next is always the best from the beginning.
type shelf struct {
	labels [maxRankings]int32
	best   []candidate // a heap: worst first while it fills, then best first
}

// shelf is the one on which a machine belongs by its labels.
func (p *plan) shelf(at int, n *Node) *shelf {
	var labels [maxRankings]int32
	labelled, last := 0, 0
	for i := range p.rankings {
		if l := p.rankings[i].label; l != nil {
			labels[i] = l.of(at, n)
			labelled, last = labelled+1, i
		}
	}
	switch {
	case labelled == 0 && len(p.shelves) > 0:
		return &p.shelves[0]
	case labelled == 1:
		return p.shelfOf(labels, int(labels[last]), len(p.rankings[last].sums))
	}
	number, known := p.index[labels]
	if !known {
		number = p.newShelf(labels)
		if p.index == nil {
			p.index = map[[maxRankings]int32]int{}
		}
		p.index[labels] = number
	}
	return &p.shelves[number]
}

// shelfOf finds a shelf by the one label that there is, of so many.
func (p *plan) shelfOf(labels [maxRankings]int32, label, of int) *shelf {
	if p.byLabel == nil {
		p.byLabel = make([]int, of)
	}
	if p.byLabel[label] == 0 {
		p.byLabel[label] = p.newShelf(labels) + 1
	}
	return &p.shelves[p.byLabel[label]-1]
}

func (p *plan) newShelf(labels [maxRankings]int32) (number int) {
	p.shelves = append(p.shelves, shelf{labels: labels})
	return len(p.shelves) - 1
}

// before tells whether a is better than b, which stand on one shelf.
func (p *plan) before(a, b *candidate) bool {
	for i := range p.rankings {
		if a.ranks[i] != b.ranks[i] {
			return a.ranks[i] < b.ranks[i]
		}
	}
	return p.earlier(a, b)
}

// earlier decides when all ranks are the same.
func (p *plan) earlier(a, b *candidate) bool {
	if p.turns {
		return p.fleet.nodes[a.at].ID < p.fleet.nodes[b.at].ID
	}
	return a.at < b.at
}

// offer puts a candidate on the shelf if it is among the best.
func (p *plan) offer(s *shelf, c *candidate) {
	switch {
	case len(s.best) < p.request.Count:
		s.best = append(s.best, *c)
		p.up(s.best)
	case p.before(c, &s.best[0]):
		s.best[0] = *c
		p.down(s.best, 0, worstFirst)
	}
}

// The two orders of a heap.
const (
	worstFirst = false
	bestFirst  = true
)

// up moves the last of a heap, the worst first, to where it belongs.
func (p *plan) up(heap []candidate) {
	for i := len(heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !p.before(&heap[parent], &heap[i]) {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

// down moves one of a heap to where it belongs below.
func (p *plan) down(heap []candidate, i int, order bool) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(heap); child++ {
			if p.before(&heap[child], &heap[first]) == order {
				first = child
			}
		}
		if first == i {
			return
		}
		heap[i], heap[first] = heap[first], heap[i]
		i = first
	}
}
