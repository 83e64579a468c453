// Package placement decides which node a task goes to. It is pure: it is given what
// the nodes have left and what a task needs, and answers with a choice and, where
// there is none, with what every node lacked. It writes nothing down, so whoever
// asks must hold what it was given until the choice is recorded.
package placement

import "slices"

// Port is a host port of one protocol, "tcp" or "udp".
type Port struct {
	Number   int
	Protocol string
}

// Node is a machine as placement sees it: what is left of it.
type Node struct {
	ID     string
	Ready  bool // connected, and taking tasks
	CPU    int  // units of 1/1024 of a core
	Memory int  // MiB
	Taken  []Port

	Attributes map[string]string // what the machine is, "ecs.cpu-architecture": "x86_64"
}

// Need is what one task holds of its node from placement until it has stopped.
type Need struct {
	CPU    int
	Memory int
	Ports  []Port // host ports it must have

	Attributes map[string]string // that the machine must have
}

// Reason says why a node cannot take a task; "" says that it can.
type Reason string

// The reasons, in the order in which they are looked for. Source: Amazon ECS API failure reasons.
const (
	NoAgent  Reason = "AGENT"
	NoCPU    Reason = "RESOURCE:CPU"
	NoMemory Reason = "RESOURCE:MEMORY"
	NoPorts  Reason = "RESOURCE:PORTS"
	Lacking  Reason = "ATTRIBUTE" // it is another kind of machine
	Missing  Reason = "MISSING"   // there is no such node
)

// Refusal is a node that was asked for and could not take a task.
type Refusal struct {
	Node   string
	Reason Reason
}

// Refuses tells why n cannot take a task now, by the first filter that says no.
func (n Node) Refuses(need Need) Reason {
	switch {
	case !n.Ready:
		return NoAgent
	case n.CPU < need.CPU:
		return NoCPU
	case n.Memory < need.Memory:
		return NoMemory
	case slices.ContainsFunc(need.Ports, func(p Port) bool { return slices.Contains(n.Taken, p) }):
		return NoPorts
	case n.lacks(need.Attributes):
		return Lacking
	}
	return ""
}

func (n Node) lacks(attributes map[string]string) bool {
	for name, value := range attributes {
		if n.Attributes[name] != value {
			return true
		}
	}
	return false
}

// Take returns n with the task on it.
func (n Node) Take(need Need) Node {
	n.CPU -= need.CPU
	n.Memory -= need.Memory
	n.Taken = slices.Concat(n.Taken, need.Ports) // a new list: the caller's nodes stay as they are
	return n
}

// Plan chooses the nodes of count equal tasks, each the first in the order of nodes that has
// room for it. If fewer are chosen than asked for, every node has said why it takes no more.
func Plan(nodes []Node, need Need, count int) (chosen []string, refused []Refusal) {
	for _, n := range nodes {
		reason := n.Refuses(need)
		for ; reason == "" && len(chosen) < count; reason = n.Refuses(need) {
			chosen = append(chosen, n.ID)
			n = n.Take(need)
		}
		if len(chosen) == count {
			return chosen, nil
		}
		refused = append(refused, Refusal{n.ID, reason})
	}
	return chosen, refused
}

// Start puts one task on each of the named nodes and tries no other. A name may come more than once.
func Start(nodes []Node, need Need, names []string) (chosen []string, refused []Refusal) {
	left := make(map[string]Node, len(nodes))
	for _, n := range nodes {
		left[n.ID] = n
	}
	for _, name := range names {
		n, known := left[name]
		reason := n.Refuses(need)
		switch {
		case !known:
			refused = append(refused, Refusal{name, Missing})
		case reason != "":
			refused = append(refused, Refusal{name, reason})
		default:
			chosen = append(chosen, name)
			left[name] = n.Take(need)
		}
	}
	return chosen, refused
}
