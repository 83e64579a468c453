package placement

import (
	"strings"

	"slipway/cluster/placement/query"
)

// maxFacts is how many columns a fleet keeps before it begins anew.
const maxFacts = 256

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

// facts are the columns of a fleet.
type facts struct {
	labels  map[string]*labels  // by field: "attribute:NAME", "tag:KEY"
	members map[string]*members // by query
	counts  map[string]*column  // by key of Node.Counts
}

// label returns the column of an attribute or a tag.
func (f *Fleet) label(field string) *labels {
	if l := f.facts.labels[field]; l != nil {
		return l
	}
	l := &labels{f.column(nil), map[string]int32{}}
	l.find = func(n *Node) int32 { return l.number(n.field(field)) }
	keep(&f.facts.labels, field, l)
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
		if q.Fits((*machine)(n)) {
			return 1
		}
		return 0
	}), q}
	keep(&f.facts.members, expression, m)
	return m, nil
}

// tasks returns the column of the tasks that are counted under a key.
func (f *Fleet) tasks(key string) *column {
	if c := f.facts.counts[key]; c != nil {
		return c
	}
	c := f.column(func(n *Node) int32 { return int32(min(n.Counts[key], 1<<30)) })
	keep(&f.facts.counts, key, &c)
	return &c
}

func (f *Fleet) column(find func(*Node) int32) column {
	return column{make([]int32, len(f.nodes)), find}
}

// keep remembers a column; when there are too many, it alone.
func keep[C any](columns *map[string]*C, key string, c *C) {
	if *columns == nil || len(*columns) >= maxFacts {
		*columns = map[string]*C{}
	}
	(*columns)[key] = c
}

// each passes all columns of what machines are, and not of what they have.
func (f *facts) each(do func(*column)) {
	for _, l := range f.labels {
		do(&l.column)
	}
	for _, m := range f.members {
		do(&m.column)
	}
}

func (f *facts) eachCount(do func(*column)) {
	for _, c := range f.counts {
		do(c)
	}
}

func (f *facts) grow(n int) {
	more := func(c *column) { c.known = append(c.known, make([]int32, n-len(c.known))...) }
	f.each(more)
	f.eachCount(more)
}

func (f *facts) forget(at int) { f.each(func(c *column) { c.known[at] = 0 }) }

func (f *facts) forgetCounts(at int) { f.eachCount(func(c *column) { c.known[at] = 0 }) }

// move says that the last machine has taken the place of another, which is gone.
func (f *facts) move(last, at int) {
	take := func(c *column) {
		c.known[at] = c.known[last]
		c.known = c.known[:last]
	}
	f.each(take)
	f.eachCount(take)
}

// count says that a machine has one task more under a key.
func (f *facts) count(at int, key string) {
	if c := f.counts[key]; c != nil && c.known[at] > 0 {
		c.known[at]++
	}
}
