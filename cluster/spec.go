package cluster

import (
	"slices"

	"slipway/cluster/placement"
)

// Spec is what a task definition asks for. Its JSON is the part of the public task
// definition that Slipway honours, under the same names.
type Spec struct {
	Containers    []ContainerSpec `json:"containerDefinitions"`
	CPU           int             `json:"cpu,omitempty"`    // limit of the whole task in units of 1/1024 of a core; 0: none
	Memory        int             `json:"memory,omitempty"` // limit of the whole task in MiB; 0: none
	NetworkMode   string          `json:"networkMode,omitempty"`
	Requires      []string        `json:"requiresCompatibilities,omitempty"`
	TaskRole      string          `json:"taskRoleArn,omitempty"`
	ExecutionRole string          `json:"executionRoleArn,omitempty"`
}

// ContainerSpec is one container of a Spec.
type ContainerSpec struct {
	Name              string     `json:"name"`
	Image             string     `json:"image"`
	Entrypoint        []string   `json:"entryPoint,omitempty"` // none: the image's
	Command           []string   `json:"command,omitempty"`    // none: the image's
	Env               []Variable `json:"environment,omitempty"`
	User              string     `json:"user,omitempty"`
	WorkingDir        string     `json:"workingDirectory,omitempty"`
	Hostname          string     `json:"hostname,omitempty"`
	Essential         bool       `json:"essential"`
	CPU               int        `json:"cpu"`                         // shares, 1024 a core
	Memory            *int       `json:"memory,omitempty"`            // hard limit in MiB
	MemoryReservation *int       `json:"memoryReservation,omitempty"` // MiB
	Ports             []PortSpec `json:"portMappings,omitempty"`
	Log               *LogSpec   `json:"logConfiguration,omitempty"`
	StopTimeout       *int       `json:"stopTimeout,omitempty"` // seconds
}

// Variable is an environment variable.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PortSpec publishes a port of a container on its node. Name and AppProtocol are labels for
// service meshes and change nothing on the node.
type PortSpec struct {
	Container   int    `json:"containerPort"`
	Host        int    `json:"hostPort"` // 0: any free one
	Protocol    string `json:"protocol"` // "tcp" or "udp"
	Name        string `json:"name,omitempty"`
	AppProtocol string `json:"appProtocol,omitempty"`
}

// LogSpec says where a container's output goes.
type LogSpec struct {
	Driver  string            `json:"logDriver"`
	Options map[string]string `json:"options,omitempty"`
}

// Need is what a task of this Spec holds of its node: its own limits, and where it has none
// the sum of what its containers ask for.
func (s Spec) Need() placement.Need {
	need := placement.Need{CPU: s.CPU, Memory: s.Memory}
	for _, c := range s.Containers {
		if s.CPU == 0 {
			need.CPU += c.CPU
		}
		if s.Memory == 0 {
			need.Memory += c.reserved()
		}
		for _, p := range c.Ports {
			if p.Host != 0 {
				need.Ports = append(need.Ports, placement.Port{Number: p.Host, Protocol: p.Protocol})
			}
		}
	}
	return need
}

// reserved is the memory that a container counts for: its reservation before its limit.
func (c ContainerSpec) reserved() int {
	switch {
	case c.MemoryReservation != nil:
		return *c.MemoryReservation
	case c.Memory != nil:
		return *c.Memory
	}
	return 0
}

// Overrides is what one RunTask or StartTask wants otherwise than the definition says.
type Overrides struct {
	Containers    []ContainerOverride `json:"containerOverrides,omitempty"`
	CPU           int                 `json:"cpu,omitempty"`
	Memory        int                 `json:"memory,omitempty"`
	TaskRole      string              `json:"taskRoleArn,omitempty"`
	ExecutionRole string              `json:"executionRoleArn,omitempty"`
}

// ContainerOverride changes the container called Name. Environment variables are added, or
// replaced by name; what is not set stays.
type ContainerOverride struct {
	Name              string     `json:"name"`
	Command           []string   `json:"command,omitempty"`
	Env               []Variable `json:"environment,omitempty"`
	CPU               *int       `json:"cpu,omitempty"`
	Memory            *int       `json:"memory,omitempty"`
	MemoryReservation *int       `json:"memoryReservation,omitempty"`
}

// with returns the Spec as overridden. s stays as it is.
func (s Spec) with(o Overrides) (Spec, error) {
	s.Containers = slices.Clone(s.Containers)
	replace(&s.CPU, o.CPU)
	replace(&s.Memory, o.Memory)
	replace(&s.TaskRole, o.TaskRole)
	replace(&s.ExecutionRole, o.ExecutionRole)
	for _, co := range o.Containers {
		i := slices.IndexFunc(s.Containers, func(c ContainerSpec) bool { return c.Name == co.Name })
		if i < 0 {
			return Spec{}, explain(ErrInvalid, "Override for container named %s is not a container in the TaskDefinition.", co.Name)
		}
		s.Containers[i] = s.Containers[i].with(co)
	}
	return s, nil
}

func (c ContainerSpec) with(o ContainerOverride) ContainerSpec {
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	if o.CPU != nil {
		c.CPU = *o.CPU
	}
	replace(&c.Memory, o.Memory)
	replace(&c.MemoryReservation, o.MemoryReservation)
	c.Env = slices.Clone(c.Env)
	for _, v := range o.Env {
		c.Env = slices.DeleteFunc(c.Env, func(old Variable) bool { return old.Name == v.Name })
		c.Env = append(c.Env, v)
	}
	return c
}

func replace[T comparable](old *T, wanted T) {
	var none T
	if wanted != none {
		*old = wanted
	}
}
