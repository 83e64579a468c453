package taskdef

import (
	"encoding/json"
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

// maxOverrides is how many bytes of JSON they can be. Source: Amazon ECS API Reference, RunTask.
const maxOverrides = 8192

// Check refuses overrides that are too many, with ErrRequest.
func (o Overrides) Check() error {
	text, err := json.Marshal(o)
	if err == nil && len(text) > maxOverrides {
		err = errs.Say(ErrRequest, "Container Overrides length must be at most %d", maxOverrides)
	}
	return err
}

// With returns the Spec as overridden; s stays as it is. It fails with ErrRequest where a container is not there.
func (s Spec) With(o Overrides) (Spec, error) {
	s.Containers = slices.Clone(s.Containers)
	replace(&s.CPU, o.CPU)
	replace(&s.Memory, o.Memory)
	replace(&s.Disk, o.Disk)
	replace(&s.TaskRole, o.TaskRole)
	replace(&s.ExecutionRole, o.ExecutionRole)
	for _, co := range o.Containers {
		i := s.Index(co.Name)
		if i < 0 {
			return Spec{}, errs.Say(ErrRequest, "Override for container named %s is not a container in the TaskDefinition.", co.Name)
		}
		s.Containers[i] = s.Containers[i].with(co)
	}
	return s, nil
}

func (c Container) with(o ContainerOverride) Container {
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
