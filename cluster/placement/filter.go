package placement

import (
	"fmt"
	"slices"
)

// refuse tells why a machine cannot take a task of the request now, by the first filter that says no.
func (p *plan) refuse(n *Node) Reason {
	switch need := &p.request.Need; {
	case n.Refusal != "":
		return n.Refusal
	case n.CPU < need.CPU:
		return NoCPU
	case n.Memory < need.Memory:
		return NoMemory
	case n.AllDisk > 0 && n.Disk < need.Disk:
		return NoDisk
	case slices.ContainsFunc(need.Ports, func(p Port) bool { return slices.Contains(n.Taken, p) }):
		return NoPorts
	case n.lacks(need.Attributes) != "":
		return Lacking
	}
	for i := range p.constraints {
		if !p.constraints[i].holds(n) {
			return p.constraints[i].reason
		}
	}
	return ""
}

// lacks names an attribute that the machine does not have as asked for.
func (n *Node) lacks(attributes map[string]string) string {
	for name, value := range attributes {
		if n.Attributes[name] != value {
			return name
		}
	}
	return ""
}

func (p *plan) refusal(n *Node, reason Reason) Refusal {
	r := Refusal{Node: n.ID, Reason: reason}
	need := p.request.Need
	switch reason {
	case NoCPU:
		r.Needed, r.Left = need.CPU, n.CPU
		r.Detail = fmt.Sprintf("%d CPU units are needed, %d are left", r.Needed, r.Left)
	case NoMemory:
		r.Needed, r.Left = need.Memory, n.Memory
		r.Detail = fmt.Sprintf("%d MiB of memory are needed, %d are left", r.Needed, r.Left)
	case NoDisk:
		r.Needed, r.Left = need.Disk, n.Disk
		r.Detail = fmt.Sprintf("%d GiB of disk are needed, %d are left", r.Needed, r.Left)
	}
	return r
}
