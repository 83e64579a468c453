package placement

import (
	"fmt"
	"maps"
	"slices"
)

// filter is one thing that must hold for a machine to be chosen, beside its state and its resources.
type filter struct {
	reason Reason
	holds  func(at int, n *Node) bool
	text   string               // what a machine says that it does not hold for
	detail func(n *Node) string // nil: text
	lasts  string               // names what holds for as long as the machine is what it is; "": may change with tasks
}

// readConstraints reads what the request asks of a machine: attributes first, then its constraints in order.
func (p *plan) readConstraints() error {
	for _, name := range slices.Sorted(maps.Keys(p.need.Attributes)) {
		p.filters = append(p.filters, p.attribute(name, p.need.Attributes[name]))
	}
	for i, c := range p.request.Constraints {
		f, err := p.filter(c)
		if err != nil {
			return fmt.Errorf("%w: number %d: %w", ErrConstraint, i+1, err)
		}
		p.filters = append(p.filters, f)
	}
	return nil
}

func (p *plan) filter(c Constraint) (filter, error) {
	if err := c.check(); err != nil {
		return filter{}, err
	}
	switch c.Type {
	case DistinctInstance:
		return p.distinctInstance(), nil
	case Tagged:
		return p.tagged(c.Expression), nil
	case Together:
		return p.togetherBy(c.Expression), nil
	}
	fitting, err := p.fleet.membersOf(c.Expression)
	if err != nil {
		return filter{}, err
	}
	f := filter{reason: NotMember, holds: fitting.fits, text: "it does not fit " + c.Expression}
	if fitting.query.Static() {
		f.lasts = "memberOf " + c.Expression
	} else {
		p.live = true
	}
	return f, nil
}

func (p *plan) attribute(name, want string) filter {
	column := p.fleet.label("attribute:" + name)
	number := column.number(want)
	return filter{
		reason: Lacking,
		holds:  func(at int, n *Node) bool { return column.of(at, n) == number },
		lasts:  "attribute:" + name + "=" + want,
		detail: func(n *Node) string {
			if is, there := n.Attributes[name]; there {
				return fmt.Sprintf("%s must be %s and is %s", name, want, is)
			}
			return fmt.Sprintf("%s must be %s and is not there", name, want)
		},
	}
}

// distinctInstance lets a machine have one task of the group.
func (p *plan) distinctInstance() filter {
	p.once = true
	count := p.fleet.tasks(ByGroup(p.request.Group))
	return filter{
		reason: NotDistinct,
		holds:  func(at int, n *Node) bool { return count.of(at, n) == 0 && p.taken[at] == 0 },
		text:   "a task of " + p.request.Group + " is on it",
	}
}

// tagged wants the machine to have the tag that the task has.
func (p *plan) tagged(key string) filter {
	want, there := p.request.Tags[key]
	if !there {
		return filter{reason: NotTagged, holds: never, text: "the task has no tag " + key}
	}
	column := p.fleet.label("tag:" + key)
	number := column.number(want)
	return filter{
		reason: NotTagged,
		holds:  func(at int, n *Node) bool { return column.of(at, n) == number },
		text:   "it does not have the tag " + key + "=" + want,
		lasts:  "tag:" + key + "=" + want,
	}
}

func never(int, *Node) bool { return false }

// togetherBy keeps all tasks with a tag on one machine: on those that have the tag themselves; where there
// are none on those where such tasks are; and where there are none of them on the first that is chosen.
func (p *plan) togetherBy(key string) filter {
	value, there := p.request.Tags[key]
	if !there {
		return filter{reason: NotTogether, holds: never, text: "the task has no tag " + key}
	}
	holds := p.home(key, value)
	if holds == nil {
		p.homeless = true
		holds = func(at int, _ *Node) bool { return len(p.taken) == 0 || p.taken[at] > 0 }
	}
	return filter{reason: NotTogether, holds: holds, text: "tasks with the tag " + key + "=" + value + " belong on another machine"}
}

// home tells which machines are those of the tasks with a tag; nil: none is yet.
func (p *plan) home(key, value string) func(int, *Node) bool {
	column, count := p.fleet.label("tag:"+key), p.fleet.tasks(ByTag(key, value))
	number := column.number(value)
	named := func(at int, n *Node) bool { return column.of(at, n) == number && value != "" }
	lived := func(at int, n *Node) bool { return count.of(at, n) > 0 }
	for _, holds := range []func(int, *Node) bool{named, lived} {
		for i := range p.fleet.nodes {
			if holds(i, &p.fleet.nodes[i]) {
				return holds
			}
		}
	}
	return nil
}
