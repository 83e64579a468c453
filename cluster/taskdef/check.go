package taskdef

import (
	"fmt"
	"slices"
	"strings"

	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
)

// The limits of a task definition. Source: Amazon ECS API Reference and service quotas.
const (
	maxContainers  = 10
	minMemory      = 6   // MiB: below, the container's own start does not fit
	minTaskCPU     = 128 // units
	maxTaskCPU     = 196608
	maxStopTimeout = 24 * 60 * 60 // seconds
)

var (
	namePattern     = lazyregexp.New(`^[A-Za-z0-9_-]{1,255}$`)
	imagePattern    = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._:/@#-]{0,999}$`)
	hostnamePattern = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$`)
)

// IsName tells whether a family, a container or a volume can be called so. Clusters, services and capacity providers
// are named alike.
func IsName(name string) bool { return namePattern.MatchString(name) }

// logOptions are the options of the awslogs driver that are honoured. What a container prints goes
// to a file first, whatever the log store does, so it neither blocks nor is lost: both modes hold,
// and a buffer size bounds nothing that is held in memory.
var logOptions = []string{"awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "mode", "max-buffer-size"}

// checker keeps the first thing that is wrong.
type checker struct{ err error }

// refuse takes note of what is wrong at a path, unless something was wrong before.
func (c *checker) refuse(wrong bool, path, format string, args ...any) {
	if wrong && c.err == nil {
		c.err = errs.Say(ErrInvalid, "%s: %s", path, fmt.Sprintf(format, args...))
	}
}

// oneOf refuses a word that is none of the allowed ones.
func (c *checker) oneOf(word, path string, allowed ...string) {
	c.refuse(!slices.Contains(allowed, word), path, "%q is not one of %s.", word, strings.Join(allowed, ", "))
}

// optional is oneOf for a word that may be left out.
func (c *checker) optional(word, path string, allowed ...string) {
	if word != "" {
		c.oneOf(word, path, allowed...)
	}
}

// within refuses a number that is given and out of its range. Unit, such as " seconds", follows it.
func (c *checker) within(n *int, least, most int, unit, path string) {
	c.refuse(n != nil && (*n < least || *n > most), path, "%d is not between %d and %d%s.", deref(n), least, most, unit)
}

// text refuses what neither the kernel nor the database takes.
func (c *checker) text(s, path string) {
	c.refuse(strings.Contains(s, "\x00"), path, "%q holds a NUL byte.", s)
}

// Check finds what would keep a task of s from running, by its path in the definition: the first of it is an ErrInvalid.
// Logs are kept in the region.
func (s Spec) Check(region string) error {
	var c checker
	c.refuse(len(s.Containers) == 0, "containerDefinitions", "Container list cannot be empty.")
	c.refuse(len(s.Containers) > maxContainers, "containerDefinitions", "Too many containers: %d are given, at most %d are allowed.", len(s.Containers), maxContainers)
	c.modes(s)
	c.platform(s.Platform)
	c.disk(s.Disk)
	for i, r := range s.Requires {
		c.refuse(r != "EC2" && r != "EXTERNAL", fmt.Sprintf("requiresCompatibilities[%d]", i), "%q is not supported by Slipway; use EC2 or EXTERNAL.", r)
	}
	for i, container := range s.Containers {
		c.container(container, i, region)
	}
	c.refuse(!slices.ContainsFunc(s.Containers, func(c Container) bool { return c.Essential }), "containerDefinitions", "At least one container must be essential.")
	c.names(s)
	c.network(s)
	c.ports(s)
	c.volumes(s)
	c.order(s)
	c.roles(s)
	c.size(s)
	c.constraints(s.Constraints)
	return c.err
}

func (c *checker) memory(mib *int, path string) {
	c.refuse(mib != nil && *mib < minMemory, path, "%d MiB is below the least that a container can have, %d MiB.", deref(mib), minMemory)
}

func (c *checker) words(words []string, path string) {
	for i, w := range words {
		c.refuse(strings.Contains(w, "\x00"), fmt.Sprintf("%s[%d]", path, i), "%q holds a NUL byte.", w)
	}
}

func (c *checker) log(s Log, path, region string) {
	c.refuse(s.Driver != "awslogs", path+".logDriver", "%q is not supported by Slipway; use awslogs.", s.Driver)
	c.refuse(s.Options["awslogs-group"] == "", path+".options", "Log driver awslogs requires options: awslogs-group.")
	if at, given := s.Options["awslogs-region"]; given {
		c.refuse(at != region, path+".options.awslogs-region", "%q is another region; logs are kept in %q.", at, region)
	}
	for option := range s.Options {
		c.refuse(!slices.Contains(logOptions, option), path+".options."+option, "The option is not supported by Slipway; supported are %s.", strings.Join(logOptions, ", "))
	}
	c.refuse(!slices.Contains([]string{"", "true", "false"}, s.Options["awslogs-create-group"]), path+".options.awslogs-create-group", "%q is neither true nor false.", s.Options["awslogs-create-group"])
	c.refuse(!slices.Contains([]string{"", "blocking", "non-blocking"}, s.Options["mode"]), path+".options.mode", "%q is neither blocking nor non-blocking.", s.Options["mode"])
}

func (c *checker) names(s Spec) {
	first := map[string]int{}
	for i, container := range s.Containers {
		if before, twice := first[container.Name]; twice {
			c.refuse(true, fmt.Sprintf("containerDefinitions[%d].name", i), "Container names must be unique within a Task Definition: containerDefinitions[%d] is %q too.", before, container.Name)
		}
		first[container.Name] = i
	}
}

// size finds limits of the task that its containers do not fit.
func (c *checker) size(s Spec) {
	c.refuse(s.CPU != 0 && (s.CPU < minTaskCPU || s.CPU > maxTaskCPU), "cpu", "Invalid 'cpu' setting for task: %d is not between %d and %d.", s.CPU, minTaskCPU, maxTaskCPU)
	c.refuse(s.Memory != 0 && s.Memory < minMemory, "memory", "Invalid 'memory' setting for task: %d MiB is below %d.", s.Memory, minMemory)
	var cpu, reserved int
	for i, container := range s.Containers {
		at := fmt.Sprintf("containerDefinitions[%d].memory", i)
		cpu += container.CPU
		reserved += deref(container.MemoryReservation)
		c.refuse(s.Memory == 0 && container.reserved() == 0, at, "Invalid setting for container '%s'. At least one of 'memory' or 'memoryReservation' must be specified.", container.Name)
		c.refuse(s.Memory != 0 && deref(container.Memory) > s.Memory, at, "The 'memory' setting for container is greater than for the task: %d and %d.", deref(container.Memory), s.Memory)
	}
	c.refuse(s.CPU != 0 && cpu > s.CPU, "cpu", "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu': %d and %d.", cpu, s.CPU)
	c.refuse(s.Memory != 0 && reserved > s.Memory, "memory", "The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory': %d and %d.", reserved, s.Memory)
}
