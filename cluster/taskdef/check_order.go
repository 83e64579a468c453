package taskdef

import (
	"fmt"
	"slices"
)

// order checks in which order the containers come up. Source: Amazon ECS API Reference,
// ContainerDependency, and the answers of Amazon ECS.
func (c *checker) order(s Spec) {
	edges := make([][]int, len(s.Containers))
	for i, container := range s.Containers {
		for j, d := range container.DependsOn {
			at := fmt.Sprintf("containerDefinitions[%d].dependsOn[%d]", i, j)
			target := s.Index(d.Container)
			c.refuse(target < 0, at+".containerName", "Invalid 'dependsOn' setting. Unknown container: '%s'.", d.Container)
			c.refuse(target == i, at+".containerName", "Invalid 'dependsOn' setting. %q is the container itself.", d.Container)
			c.refuse(slices.Contains(edges[i], target), at+".containerName", "Invalid 'dependsOn' setting. %q is given twice.", d.Container)
			if c.err != nil {
				return
			}
			c.condition(d.Condition, s.Containers[target], at+".condition")
			edges[i] = append(edges[i], target)
		}
	}
	c.circle(s, edges, "dependsOn")
}

// condition refuses what a container will never come to.
func (c *checker) condition(condition string, target Container, at string) {
	c.oneOf(condition, at, "START", "COMPLETE", "SUCCESS", "HEALTHY")
	ends := condition == "COMPLETE" || condition == "SUCCESS"
	c.refuse(ends && target.Essential, at, "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container: %q is.", target.Name)
	c.refuse(condition == "HEALTHY" && (target.Health == nil || target.Health.Command[0] == "NONE"), at, "A dependency container with HEALTHY condition must have a health check: %q has none.", target.Name)
}

// circle refuses containers that wait for each other: those from which one comes back to itself.
func (c *checker) circle(s Spec, edges [][]int, member string) {
	const (
		under = 1
		done  = 2
	)
	state := make([]int, len(edges))
	var visit func(i int)
	visit = func(i int) {
		state[i] = under
		for _, next := range edges[i] {
			if c.err != nil {
				return
			}
			at := fmt.Sprintf("containerDefinitions[%d].%s", i, member)
			c.refuse(state[next] == under, at, "Invalid '%s' setting. %q comes back to itself by %q.", member, s.Containers[next].Name, s.Containers[i].Name)
			if state[next] == 0 {
				visit(next)
			}
		}
		state[i] = done
	}
	for i := range edges {
		if state[i] == 0 && c.err == nil {
			visit(i)
		}
	}
}
