package placement

import (
	"maps"
	"slices"
	"time"
)

// Port is a host port of one protocol, "tcp" or "udp".
type Port struct {
	Number   int
	Protocol string
}

// Node is a machine as placement sees it: what is left of it, what it is, and who is on it.
type Node struct {
	ID      string
	Refusal Reason // why it takes no tasks whatever they need: NoAgent, Draining...; "" takes tasks

	CPU, Memory       int // left: units of 1/1024 of a core, MiB
	AllCPU, AllMemory int // offered in all
	Disk, AllDisk     int // GiB for what tasks write; nothing is looked at where AllDisk is 0

	Taken      []Port
	Attributes map[string]string // what the machine is, "ecs.cpu-architecture": "x86_64"
	Tags       map[string]string

	// Counts are the live tasks of the cluster on it: under "" all of them, under Running and Pending
	// those in these states, under ByGroup and ByTag those of a group and those with a tag. A key that is
	// not there counts nothing.
	Counts map[string]int

	Load    Load
	Since   time.Time // when it was registered
	Version string    // of its agent, "1.2.3"
}

// Load is how busy a machine was when it was measured last, all of its processes counted.
type Load struct {
	CPU, Memory float64 // a share of the machine, 0 to 1
	Known       bool
}

// Keys of Node.Counts.
const (
	Running = "running"
	Pending = "pending"
)

// ByGroup is the key in Node.Counts of the tasks of a group.
func ByGroup(group string) string { return "group:" + group }

// ByTag is the key in Node.Counts of the tasks that have a tag.
func ByTag(key, value string) string { return "tag:" + key + "=" + value }

// Need is what one task holds of its machine from placement until it has stopped.
type Need struct {
	CPU    int // units of 1/1024 of a core
	Memory int // MiB
	Disk   int // GiB
	Ports  []Port

	Attributes map[string]string // that the machine must have
}

// Take returns n with a task's needs held on it. The maps and lists of n stay as they are. Until it is
// measured again, a task is believed to be as busy as it said that it would be.
func (n Node) Take(need Need) Node {
	if n.Load.Known {
		n.Load.CPU += share(need.CPU, n.AllCPU)
		n.Load.Memory += share(need.Memory, n.AllMemory)
	}
	n.CPU -= need.CPU
	n.Memory -= need.Memory
	n.Disk -= need.Disk
	if len(need.Ports) > 0 {
		n.Taken = slices.Concat(n.Taken, need.Ports)
	}
	return n
}

// Count returns n with a new task of a request counted on it: in all, among those on their way, by its
// group, and by each of its tags.
func (n Node) Count(r Request) Node {
	n.Counts = maps.Clone(n.Counts)
	if n.Counts == nil {
		n.Counts = map[string]int{}
	}
	for _, key := range r.counted() {
		n.Counts[key]++
	}
	return n
}
