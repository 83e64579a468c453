package placement

// preferred ranks as a scheduler from outside does: by the place in Request.Prefer, and whoever is not there
// behind all. Where each place is for one task, a machine's next task has the machine's next place.
func (p *plan) preferred() ranking {
	places := make(map[string][]int, len(p.request.Prefer))
	for i, id := range p.request.Prefer {
		places[id] = append(places[id], i)
	}
	p.thorough = p.thorough || len(places) > 0
	used := map[string]int{}
	rank := func(id string) float64 {
		left := places[id]
		if len(left) > 0 && p.request.Each {
			left = left[min(used[id], len(left)):]
		}
		if len(left) == 0 {
			return float64(len(p.request.Prefer))
		}
		return float64(left[0])
	}
	return ranking{
		first: func(_ int, n *Node) float64 { return rank(n.ID) },
		step: func(n *Node) float64 {
			before := rank(n.ID)
			used[n.ID]++
			return rank(n.ID) - before
		},
	}
}
