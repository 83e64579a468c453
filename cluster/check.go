package cluster

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The limits of a task definition. Source: Amazon ECS API Reference and service quotas.
const (
	maxContainers   = 10
	maxSpecBytes    = 65536
	maxOverrides    = 8192
	minMemory       = 6   // MiB: below, the container's own start does not fit
	minTaskCPU      = 128 // units
	maxTaskCPU      = 196608
	maxStopTimeout  = 24 * 60 * 60 // seconds
	defaultStopTime = 30
)

var (
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	imagePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@#-]{0,999}$`)
	hostnamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$`)
)

// logOptions are the options of the awslogs driver that are honoured. What a container prints goes
// to a file first, whatever the log store does, so it neither blocks nor is lost: both modes hold,
// and a buffer size bounds nothing that is held in memory.
var logOptions = []string{"awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "mode", "max-buffer-size"}

// checker keeps the first thing that is wrong.
type checker struct{ err error }

// refuse takes note of what is wrong at a path, unless something was wrong before.
func (c *checker) refuse(wrong bool, path, format string, args ...any) {
	if wrong && c.err == nil {
		c.err = explain(ErrDefinition, "%s: %s", path, fmt.Sprintf(format, args...))
	}
}

// check finds what would keep a task of s from running, by its path in the definition.
func (s Spec) check(region string) error {
	var c checker
	c.refuse(len(s.Containers) == 0, "containerDefinitions", "Container list cannot be empty.")
	c.refuse(len(s.Containers) > maxContainers, "containerDefinitions", "Too many containers: %d are given, at most %d are allowed.", len(s.Containers), maxContainers)
	c.refuse(s.NetworkMode != "" && s.NetworkMode != "bridge", "networkMode", "%q is not supported by Slipway; use bridge, or leave it out.", s.NetworkMode)
	for i, r := range s.Requires {
		c.refuse(r != "EC2" && r != "EXTERNAL", fmt.Sprintf("requiresCompatibilities[%d]", i), "%q is not supported by Slipway; use EC2 or EXTERNAL.", r)
	}
	for i, container := range s.Containers {
		c.container(container, i, region)
	}
	c.refuse(!slices.ContainsFunc(s.Containers, func(c ContainerSpec) bool { return c.Essential }), "containerDefinitions", "At least one container must be essential.")
	c.names(s)
	c.ports(s)
	c.size(s)
	return c.err
}

func (c *checker) container(s ContainerSpec, i int, region string) {
	at := func(member string) string { return fmt.Sprintf("containerDefinitions[%d].%s", i, member) }
	c.refuse(s.Name == "", at("name"), "Container.name should not be null or empty.")
	c.refuse(!namePattern.MatchString(s.Name), at("name"), "Invalid container name %q: up to 255 letters, digits, hyphens and underscores are allowed.", s.Name)
	c.refuse(s.Image == "", at("image"), "Container.image should not be null or empty.")
	c.refuse(!imagePattern.MatchString(s.Image), at("image"), "%q is not the name of an image.", s.Image)
	c.refuse(s.CPU < 0, at("cpu"), "%d is below 0.", s.CPU)
	c.memory(s.Memory, at("memory"))
	c.memory(s.MemoryReservation, at("memoryReservation"))
	c.refuse(s.Memory != nil && s.MemoryReservation != nil && *s.MemoryReservation > *s.Memory, at("memoryReservation"), "%d is greater than 'memory', %d.", deref(s.MemoryReservation), deref(s.Memory))
	c.refuse(s.WorkingDir != "" && !path.IsAbs(s.WorkingDir), at("workingDirectory"), "%q is not an absolute path.", s.WorkingDir)
	c.refuse(s.Hostname != "" && !hostnamePattern.MatchString(s.Hostname), at("hostname"), "%q is not a host name.", s.Hostname)
	c.refuse(s.StopTimeout != nil && (*s.StopTimeout < 0 || *s.StopTimeout > maxStopTimeout), at("stopTimeout"), "%d is not between 0 and %d seconds.", deref(s.StopTimeout), maxStopTimeout)
	c.words(s.Entrypoint, at("entryPoint"))
	c.words(s.Command, at("command"))
	c.words([]string{s.User, s.WorkingDir}, at("user or workingDirectory"))
	for j, v := range s.Env {
		c.refuse(v.Name == "" || strings.ContainsAny(v.Name, "=\x00"), at(fmt.Sprintf("environment[%d].name", j)), "%q is not the name of a variable.", v.Name)
		c.refuse(strings.Contains(v.Value, "\x00"), at(fmt.Sprintf("environment[%d].value", j)), "The value holds a NUL byte.")
	}
	if s.Log != nil {
		c.log(*s.Log, at("logConfiguration"), region)
	}
}

func (c *checker) memory(mib *int, path string) {
	c.refuse(mib != nil && *mib < minMemory, path, "%d MiB is below the least that a container can have, %d MiB.", deref(mib), minMemory)
}

func (c *checker) words(words []string, path string) {
	for i, w := range words {
		c.refuse(strings.Contains(w, "\x00"), fmt.Sprintf("%s[%d]", path, i), "%q holds a NUL byte.", w)
	}
}

func (c *checker) log(s LogSpec, path, region string) {
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

// ports finds clashes: on the host, and inside the task, whose containers share one address.
func (c *checker) ports(s Spec) {
	type port struct {
		number   int
		protocol string
	}
	onHost, inTask := map[port]bool{}, map[port]int{}
	for i, container := range s.Containers {
		for j, p := range container.Ports {
			at := fmt.Sprintf("containerDefinitions[%d].portMappings[%d].", i, j)
			c.refuse(p.Protocol != "tcp" && p.Protocol != "udp", at+"protocol", "%q is neither tcp nor udp.", p.Protocol)
			c.refuse(p.Container < 1 || p.Container > 65535, at+"containerPort", "%d is not between 1 and 65535.", p.Container)
			c.refuse(p.Host < 0 || p.Host > 65535, at+"hostPort", "%d is not between 0 and 65535.", p.Host)
			host, inside := port{p.Host, p.Protocol}, port{p.Container, p.Protocol}
			c.refuse(p.Host != 0 && onHost[host], at+"hostPort", "%s host port '%d' is mapped multiple times in task.", strings.ToUpper(p.Protocol), p.Host)
			owner, taken := inTask[inside]
			c.refuse(taken && owner != i, at+"containerPort", "%d/%s is mapped by containerDefinitions[%d] too, and the containers of a task share one address.", p.Container, p.Protocol, owner)
			onHost[host], inTask[inside] = true, i
		}
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

func deref[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
