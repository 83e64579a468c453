package taskdef

import (
	"slices"
	"strings"
	"time"

	"slipway/cluster/placement"
)

// attributeArchitecture is the attribute in which a node tells what processors it has.
const attributeArchitecture = "ecs.cpu-architecture"

// Need is what a task of this Spec holds of its node: its own limits, and where it has none
// the sum of what its containers ask for.
func (s Spec) Need() placement.Need {
	need := placement.Need{CPU: s.CPU, Memory: s.Memory, Disk: s.Disk}
	for _, c := range s.Containers {
		if s.CPU == 0 {
			need.CPU += c.CPU
		}
		if s.Memory == 0 {
			need.Memory += c.reserved()
		}
		for _, p := range s.published(c) {
			if p.Host != 0 {
				need.Ports = append(need.Ports, placement.Port{Number: p.Host, Protocol: p.Protocol})
			}
		}
	}
	if s.Platform != nil && s.Platform.Architecture != "" {
		need.Attributes = map[string]string{attributeArchitecture: strings.ToLower(s.Platform.Architecture)}
	}
	return need
}

// reserved is the memory that a container counts for: its reservation before its limit.
func (c Container) reserved() int {
	switch {
	case c.MemoryReservation != nil:
		return *c.MemoryReservation
	case c.Memory != nil:
		return *c.Memory
	}
	return 0
}

// ReadsByReference tells whether a task of s is given what its definition only names.
func (s Spec) ReadsByReference() bool {
	for _, c := range s.Containers {
		if c.RegistryLogin != "" || len(c.Secrets) > 0 || len(c.EnvFiles) > 0 {
			return true
		}
	}
	return false
}

// defaultStopTime is how long a container may take to end of which nothing is said. Source: Amazon ECS API Reference,
// ContainerDefinition.
const defaultStopTime = 30 * time.Second

// StopTime is how long the containers may take to end.
func (s Spec) StopTime() time.Duration {
	var most time.Duration
	for _, c := range s.Containers {
		most = max(most, c.stopTime())
	}
	return most
}

// stopTime is how long the container may take to end.
func (c Container) stopTime() time.Duration {
	if c.StopTimeout == nil {
		return defaultStopTime
	}
	return seconds(*c.StopTimeout)
}

// CreatesGroup tells whether a container wants a log group made. Then it is made for all of them: their logs are
// opened together, whichever starts first.
func (s Spec) CreatesGroup(group string) bool {
	return slices.ContainsFunc(s.Containers, func(c Container) bool {
		return c.Log != nil && c.Log.Options["awslogs-group"] == group && c.Log.Options["awslogs-create-group"] == "true"
	})
}
