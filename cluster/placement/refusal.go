package placement

import (
	"fmt"
	"slices"
)

// why tells why a machine cannot take a task of the request: its state, a resource that is short, or the
// first filter that does not hold.
func (p *plan) why(at int, n *Node) (Reason, *filter) {
	if reason := p.short(n); reason != "" {
		return reason, nil
	}
	if f := p.failing(at, n); f != nil {
		return f.reason, f
	}
	return "", nil
}

// fits is why without the reason, of a machine for which all holds that lasts.
func (p *plan) fits(at int, n *Node) bool {
	if p.short(n) != "" {
		return false
	}
	for i := range p.filters {
		if f := &p.filters[i]; f.lasts == "" && !f.holds(at, n) {
			return false
		}
	}
	return true
}

// short tells what of the machine itself does not allow a task.
func (p *plan) short(n *Node) Reason {
	switch {
	case n.Refusal != "":
		return n.Refusal
	case n.CPU < p.need.CPU:
		return NoCPU
	case n.Memory < p.need.Memory:
		return NoMemory
	case n.AllDisk > 0 && n.Disk < p.need.Disk:
		return NoDisk
	case len(p.need.Ports) > 0 && p.takenPort(n) >= 0:
		return NoPorts
	}
	return ""
}

// failing is the first filter that does not hold; nil: all do.
func (p *plan) failing(at int, n *Node) *filter {
	for i := range p.filters {
		if f := &p.filters[i]; !f.holds(at, n) {
			return f
		}
	}
	return nil
}

// takenPort is the first of the ports that are needed which the machine does not have free; -1: all are.
func (p *plan) takenPort(n *Node) int {
	return slices.IndexFunc(p.need.Ports, func(port Port) bool { return slices.Contains(n.Taken, port) })
}

// left is a machine with the tasks on it that were placed there.
func (p *plan) left(at int) Node {
	n := p.fleet.nodes[at]
	if k := p.taken[at]; k > 0 {
		n.CPU -= k * p.need.CPU
		n.Memory -= k * p.need.Memory
		n.Disk -= k * p.need.Disk
		n.Taken = slices.Concat(n.Taken, p.need.Ports)
		if p.live {
			n = n.Count(*p.request)
		}
	}
	return n
}

// explain has every machine say why it takes no more.
func (p *plan) explain() {
	if !p.request.Brief {
		p.answer.Refused = make([]Refusal, 0, len(p.fleet.nodes))
	}
	var all sums
	for at := range p.fleet.nodes {
		n := &p.fleet.nodes[at]
		if p.taken[at] > 0 {
			left := p.left(at)
			n = &left
		}
		reason, by := p.why(at, n)
		p.tell(&all, n, reason, by)
	}
	p.answer.Lacks = all
}

// tell lists a refusal, and sums it up. The words of one that is not listed are wanted only of the first.
func (p *plan) tell(all *sums, n *Node, reason Reason, by *filter) {
	r, text := p.amounts(n, reason), ""
	if by != nil {
		text = by.text
	}
	lack := all.of(reason, text)
	if !p.request.Brief || lack.Machines == 0 {
		r.Detail = p.detail(n, &r, by)
	}
	lack.add(&r)
	if !p.request.Brief {
		p.answer.Refused = append(p.answer.Refused, r)
	}
}

var units = map[Reason]string{NoCPU: "CPU units", NoMemory: "MiB of memory", NoDisk: "GiB of disk"}

// refusal is what a machine said, with its words.
func (p *plan) refusal(n *Node, reason Reason, by *filter) Refusal {
	r := p.amounts(n, reason)
	r.Detail = p.detail(n, &r, by)
	return r
}

// amounts is what a machine said, in numbers.
func (p *plan) amounts(n *Node, reason Reason) Refusal {
	r := Refusal{Node: n.ID, Reason: reason}
	switch reason {
	case NoCPU:
		r.Needed, r.Left, r.All = p.need.CPU, n.CPU, n.AllCPU
	case NoMemory:
		r.Needed, r.Left, r.All = p.need.Memory, n.Memory, n.AllMemory
	case NoDisk:
		r.Needed, r.Left, r.All = p.need.Disk, n.Disk, n.AllDisk
	}
	return r
}

func (p *plan) detail(n *Node, r *Refusal, by *filter) string {
	switch unit := units[r.Reason]; {
	case by != nil && by.detail != nil:
		return by.detail(n)
	case by != nil:
		return by.text
	case unit != "":
		return fmt.Sprintf("%d %s are needed, %d are left", r.Needed, unit, r.Left)
	case r.Reason == NoPorts:
		port := p.need.Ports[p.takenPort(n)]
		return fmt.Sprintf("port %d/%s is taken", port.Number, port.Protocol)
	}
	return ""
}

// invalid answers a request that can be met by no machine.
func (p *plan) invalid(err error) Answer {
	by := &filter{reason: Invalid, text: err.Error()}
	var all sums
	for i := range p.fleet.nodes {
		p.tell(&all, &p.fleet.nodes[i], Invalid, by)
	}
	p.answer.Lacks = all
	return p.answer
}
