package taskdef

import (
	"strconv"
	"strings"
)

// The network modes of a task; "" is bridge. Source: Amazon ECS Developer Guide, "Task networking".
const (
	modeBridge = "bridge"
	modeVPC    = "awsvpc" // an address of its own, and no port of the machine
	modeHost   = "host"   // the machine's own network
	modeNone   = "none"   // loopback alone
)

const (
	maxPorts     = 100 // mappings of one container
	maxPublished = 500 // ports of one task, each of which is a rule of its node
)

// Filled returns s with what ECS fills in where it is left out: a host port is that of the container
// where the two are one.
func (s Spec) Filled() Spec {
	if s.NetworkMode != modeVPC && s.NetworkMode != modeHost {
		return s
	}
	containers := make([]Container, len(s.Containers))
	for i, c := range s.Containers {
		ports := make([]Port, len(c.Ports))
		for j, p := range c.Ports {
			if p.Host == 0 && p.Range == "" {
				p.Host = p.Container
			}
			ports[j] = p
		}
		c.Ports = ports
		containers[i] = c
	}
	s.Containers = containers
	return s
}

// Span is the first and the last container port of a mapping, and whether they are ports.
func (p Port) Span() (first, last int, ok bool) {
	if p.Range == "" {
		return p.Container, p.Container, true
	}
	from, to, _ := strings.Cut(p.Range, "-")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	ok = err1 == nil && err2 == nil && 1 <= first && first < last && last <= 65535 && p.Range == strconv.Itoa(first)+"-"+strconv.Itoa(last)
	return first, last, ok
}

// published are the ports of a container that its node opens, one by one. A task with an address of
// its own opens none.
func (s Spec) published(c Container) (ports []Port) {
	if s.NetworkMode == modeVPC || s.NetworkMode == modeNone {
		return nil
	}
	for _, p := range c.Ports {
		first, last, _ := p.Span()
		for n := first; n <= last; n++ {
			ports = append(ports, Port{Container: n, Host: p.Host, Protocol: p.Protocol})
		}
	}
	return ports
}
