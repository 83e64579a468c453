package placement

import (
	"strings"

	"slipway/cluster/placement/query"
)

// maxFacts is how many columns a fleet keeps before it begins anew: each has four bytes for every machine.
const maxFacts = 512

// column is a fact about every machine, found out when it is asked for first.
type column struct {
	known []int32 // one more than the fact; 0: not found out yet
	find  func(*Node) int32
}

func (c *column) of(at int, n *Node) int32 {
	if fact := c.known[at]; fact > 0 {
		return fact - 1
	}
	fact := c.find(n)
	c.known[at] = fact + 1
	return fact
}

// labels is a column of texts, each known by a number from 0 on.
type labels struct {
	column
	field   string
	numbers map[string]int32
}

// number is that of a text, whether a machine has it or not.
func (l *labels) number(text string) int32 {
	n, known := l.numbers[text]
	if !known {
		n = int32(len(l.numbers))
		l.numbers[text] = n
	}
	return n
}

// members is a column of those that fit a query: 1, and those that do not: 0.
type members struct {
	column
	query *query.Query
}

func (m *members) fits(at int, n *Node) bool {
	if m.query.Static() {
		return m.of(at, n) == 1
	}
	return m.query.Fits((*machine)(n))
}

// tally is how many tasks that are counted under a key are on the machines with each label.
type tally struct {
	key   string
	count *column
	label *labels
	sums  []int
}

func (t *tally) add(at int, n *Node, sign int) {
	label := int(t.label.of(at, n))
	for label >= len(t.sums) {
		t.sums = append(t.sums, 0)
	}
	t.sums[label] += sign * int(t.count.of(at, n))
}

// facts are what a fleet has found out. All of it is forgotten when there is too much.
type facts struct {
	labels  map[string]*labels  // by field: "attribute:NAME", "tag:KEY"
	members map[string]*members // by query
	counts  map[string]*column  // by key of Node.Counts
	tallies map[[2]string]*tally

	able map[string]able // by what lasts of filters, and the fields of rare labels

	static []*column // those of labels and members
	moving []*column // those of counts
}

// label returns the column of an attribute or a tag.
func (f *Fleet) label(field string) *labels {
	if l := f.facts.labels[field]; l != nil {
		if len(l.numbers) <= 2*len(f.nodes)+maxFacts {
			return l
		}
		f.forgetAll() // most of them are texts that requests have asked for and no machine has
	}
	l := &labels{f.column(nil), field, map[string]int32{}}
	l.find = func(n *Node) int32 { return l.number(n.field(field)) }
	f.facts.labels[field] = l
	f.facts.static = append(f.facts.static, &l.column)
	return l
}

// field is the value of an attribute or a tag, and "" for one that the machine does not have.
func (n *Node) field(field string) string {
	if name, ok := strings.CutPrefix(field, "attribute:"); ok {
		return n.Attributes[name]
	}
	return n.Tags[strings.TrimPrefix(field, "tag:")]
}

// membersOf returns the column of a query.
func (f *Fleet) membersOf(expression string) (*members, error) {
	if m := f.facts.members[expression]; m != nil {
		return m, nil
	}
	q, err := query.Parse(expression)
	if err != nil {
		return nil, err
	}
	m := &members{f.column(func(n *Node) int32 {
		if n.Fits(q) {
			return 1
		}
		return 0
	}), q}
	f.facts.members[expression] = m
	f.facts.static = append(f.facts.static, &m.column)
	return m, nil
}

// tasks returns the column of the tasks that are counted under a key.
func (f *Fleet) tasks(key string) *column {
	if c := f.facts.counts[key]; c != nil {
		return c
	}
	c := f.column(func(n *Node) int32 { return int32(min(n.Counts[key], 1<<30)) })
	f.facts.counts[key] = &c
	f.facts.moving = append(f.facts.moving, &c)
	return &c
}

// tally returns the sums of tasks by label.
func (f *Fleet) tally(key, field string) *tally {
	if t := f.facts.tallies[[2]string{key, field}]; t != nil {
		return t
	}
	t := &tally{key: key, label: f.label(field)}
	t.count = f.tasks(key)
	if t.label != f.facts.labels[field] {
		t.label = f.label(field) // it was forgotten to make room
	}
	for at := range f.nodes {
		t.add(at, &f.nodes[at], 1)
	}
	f.facts.tallies[[2]string{key, field}] = t
	return t
}

// column makes room for a fact about every machine.
func (f *Fleet) column(find func(*Node) int32) column {
	if len(f.facts.static)+len(f.facts.moving) >= maxFacts || f.facts.labels == nil {
		f.forgetAll()
	}
	return column{make([]int32, len(f.nodes)), find}
}

// forgetAll begins anew. A plan that is under way goes on with what it has.
func (f *Fleet) forgetAll() {
	f.facts = facts{
		labels:  map[string]*labels{},
		members: map[string]*members{},
		counts:  map[string]*column{},
		tallies: map[[2]string]*tally{},
		able:    f.facts.able,
	}
}

// grow makes room for machines that have joined.
func (f *facts) grow(n int) {
	clear(f.able)
	for _, list := range [][]*column{f.static, f.moving} {
		for _, c := range list {
			c.known = append(c.known, make([]int32, n-len(c.known))...)
		}
	}
}

// leave takes a machine out of all sums, and enter puts it in.
func (f *facts) leave(at int, n *Node) {
	for _, t := range f.tallies {
		t.add(at, n, -1)
	}
}

func (f *facts) enter(at int, n *Node) {
	for _, t := range f.tallies {
		t.add(at, n, 1)
	}
}

// forget says that a machine may have other tasks now, and may be another.
func (f *facts) forget(at int, another bool) {
	for _, c := range f.moving {
		c.known[at] = 0
	}
	if another {
		clear(f.able)
		for _, c := range f.static {
			c.known[at] = 0
		}
	}
}

// move says that the last machine has taken the place of another, which is gone.
func (f *facts) move(last, at int) {
	clear(f.able)
	for _, list := range [][]*column{f.static, f.moving} {
		for _, c := range list {
			c.known[at] = c.known[last]
			c.known = c.known[:last]
		}
	}
}

// count says that a machine has one task more under a key.
func (f *facts) count(at int, n *Node, key string) {
	if c := f.counts[key]; c != nil && c.known[at] > 0 {
		c.known[at]++
	}
	for _, t := range f.tallies {
		if t.key == key {
			t.sums[t.label.of(at, n)]++
		}
	}
}
