package placement

import "maps"

// Fleet is the machines of a cluster, kept ready to be planned over: what is found out about them for one
// request is there for the next. It is not for use by several at once.
type Fleet struct {
	nodes []Node
	at    map[string]int // the places of nodes in the list, by id; nil until somebody asks
	facts facts
}

// NewFleet makes a fleet of machines, and takes over the list. Ids must be distinct. The maps of the
// machines must not be changed any more, save through the Fleet.
func NewFleet(nodes []Node) *Fleet {
	return &Fleet{nodes: nodes}
}

// Len is how many machines there are.
func (f *Fleet) Len() int { return len(f.nodes) }

// Node returns a machine as it stands now. Its maps must not be changed.
func (f *Fleet) Node(id string) (Node, bool) {
	at, known := f.place(id)
	if !known {
		return Node{}, false
	}
	return f.nodes[at], true
}

// Nodes are all machines. The list must not be changed, and is good until the Fleet is.
func (f *Fleet) Nodes() []Node { return f.nodes }

// Put adds a machine, or replaces the one with its id. What Put is given is copied where the Fleet changes it.
func (f *Fleet) Put(n Node) {
	n.Counts = maps.Clone(n.Counts)
	at, known := f.place(n.ID)
	if !known {
		at = len(f.nodes)
		f.at[n.ID] = at
		f.nodes = append(f.nodes, n)
		f.facts.grow(len(f.nodes))
		f.facts.enter(at, &f.nodes[at])
		return
	}
	was := &f.nodes[at]
	f.facts.leave(at, was)
	f.facts.forget(at, !was.same(&n))
	*was = n
	f.facts.enter(at, was)
}

// same tells that two states of a machine differ only in its tasks and in what they leave.
func (n *Node) same(other *Node) bool {
	return n.Refusal == other.Refusal && n.Version == other.Version && n.Since.Equal(other.Since) &&
		maps.Equal(n.Attributes, other.Attributes) && maps.Equal(n.Tags, other.Tags)
}

// Remove takes a machine out. The last one takes its place in the list.
func (f *Fleet) Remove(id string) {
	at, known := f.place(id)
	if !known {
		return
	}
	f.facts.leave(at, &f.nodes[at])
	last := len(f.nodes) - 1
	moved := f.nodes[last]
	f.nodes[at], f.nodes[last] = moved, Node{}
	f.nodes = f.nodes[:last]
	f.at[moved.ID] = at
	delete(f.at, id)
	f.facts.move(last, at)
}

// Take holds the needs of one task of a request on a machine, and counts it there. It tells whether there
// is such a machine; it does not ask whether there is room.
func (f *Fleet) Take(id string, r Request) bool {
	at, known := f.place(id)
	if !known {
		return false
	}
	n := &f.nodes[at]
	*n = n.Take(r.Need)
	if n.Counts == nil {
		n.Counts = map[string]int{}
	}
	for _, key := range r.counted() {
		n.Counts[key]++
		f.facts.count(at, n, key)
	}
	return true
}

func (f *Fleet) place(id string) (at int, known bool) {
	if f.at == nil {
		f.at = make(map[string]int, len(f.nodes))
		for i := range f.nodes {
			f.at[f.nodes[i].ID] = i
		}
	}
	at, known = f.at[id]
	return at, known
}
