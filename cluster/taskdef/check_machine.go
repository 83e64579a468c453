package taskdef

import (
	"fmt"

	"slipway/cluster/placement"
)

// MaxConstraints is how many constraints a task can have, those of its definition and those that it is run with
// counted together. Source: Amazon ECS API Reference, RunTask.
const MaxConstraints = 10

// platform refuses machines that no node can be.
func (c *checker) platform(p *Platform) {
	if p == nil {
		return
	}
	c.refuse(p.System != "" && p.System != "LINUX", "runtimePlatform.operatingSystemFamily", "%q is not supported by Slipway; use LINUX.", p.System)
	c.optional(p.Architecture, "runtimePlatform.cpuArchitecture", "X86_64", "ARM64")
}

// disk checks the task's room. Source: Amazon ECS API Reference, EphemeralStorage.
func (c *checker) disk(gib int) {
	c.refuse(gib != 0 && (gib < 21 || gib > 200), "ephemeralStorage.sizeInGiB", "%d is not between 21 and 200 GiB.", gib)
}

// constraints checks what a definition says of the machines that its tasks may be on. Source: Amazon ECS API
// Reference, TaskDefinitionPlacementConstraint.
func (c *checker) constraints(list []placement.Constraint) {
	const path = "placementConstraints"
	c.refuse(len(list) > MaxConstraints, path, "%d constraints are more than %d.", len(list), MaxConstraints)
	for i, constraint := range list {
		c.oneOf(constraint.Type, fmt.Sprintf("%s[%d].type", path, i), placement.MemberOf)
	}
	if err := placement.Check(list, nil); err != nil {
		c.refuse(true, path, "%s.", err)
	}
}
