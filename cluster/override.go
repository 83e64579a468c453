package cluster

import (
	"slices"

	"slipway/internal/errs"
)

// Overrides is what one RunTask or StartTask wants otherwise than the definition says.
type Overrides struct {
	Containers    []ContainerOverride `json:"containerOverrides,omitempty"`
	CPU           int                 `json:"cpu,omitempty"`
	Memory        int                 `json:"memory,omitempty"`
	Disk          int                 `json:"ephemeralStorage,omitempty"` // GiB
	TaskRole      string              `json:"taskRoleArn,omitempty"`
	ExecutionRole string              `json:"executionRoleArn,omitempty"`
}

// ContainerOverride changes the container called Name. Environment variables are added, or
// replaced by name; files of them are read in place of the definition's; what is not set stays.
type ContainerOverride struct {
	Name              string     `json:"name"`
	Command           []string   `json:"command,omitempty"`
	Env               []Variable `json:"environment,omitempty"`
	EnvFiles          []EnvFile  `json:"environmentFiles,omitempty"`
	CPU               *int       `json:"cpu,omitempty"`
	Memory            *int       `json:"memory,omitempty"`
	MemoryReservation *int       `json:"memoryReservation,omitempty"`
}

// with returns the Spec as overridden. s stays as it is.
func (s Spec) with(o Overrides) (Spec, error) {
	s.Containers = slices.Clone(s.Containers)
	replace(&s.CPU, o.CPU)
	replace(&s.Memory, o.Memory)
	replace(&s.Disk, o.Disk)
	replace(&s.TaskRole, o.TaskRole)
	replace(&s.ExecutionRole, o.ExecutionRole)
	for _, co := range o.Containers {
		i := slices.IndexFunc(s.Containers, func(c ContainerSpec) bool { return c.Name == co.Name })
		if i < 0 {
			return Spec{}, errs.Say(ErrInvalid, "Override for container named %s is not a container in the TaskDefinition.", co.Name)
		}
		s.Containers[i] = s.Containers[i].with(co)
	}
	return s, nil
}

func (c ContainerSpec) with(o ContainerOverride) ContainerSpec {
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	if len(o.EnvFiles) > 0 {
		c.EnvFiles = o.EnvFiles
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
