package agent

import (
	"slipway/engine"
	"slipway/nodeapi"
)

// leastShares is what the kernel gives at least, and ECS to a container that asks for none.
// Source: Amazon ECS API Reference, ContainerDefinition, cpu.
const leastShares = 2

// limitsOf are the limits of a task as a whole. Beside other tasks it weighs what it
// reserves, or what its containers do together.
func limitsOf(w *nodeapi.Task) engine.Limits {
	if w == nil {
		return engine.Limits{}
	}
	shares := w.CPU
	if shares == 0 {
		for _, c := range w.Containers {
			shares += c.CPU
		}
	}
	return engine.Limits{
		CPUShares:   uint64(max(shares, leastShares)),
		CPUQuota:    int64(w.CPU) * 100_000 / 1024,
		MemoryLimit: int64(w.Memory) << 20,
	}
}

// groupOf is what the containers of a task have together.
func groupOf(w *nodeapi.Task) engine.Group { return engine.Group{Limits: limitsOf(w)} }

func portsWanted(w *nodeapi.Task) []engine.Port {
	if w == nil {
		return nil
	}
	var ports []engine.Port
	for _, c := range w.Containers {
		for _, p := range c.Ports {
			ports = append(ports, engine.Port(p))
		}
	}
	return ports
}

// specOf is the container to make for c, whose image is pulled and whose task is prepared, with
// variables beside its own.
func specOf(t *task, c *container, env []string) engine.Spec {
	w := c.want
	return engine.Spec{
		ID:          c.id,
		Task:        t.id,
		Name:        c.name,
		Hostname:    w.Hostname,
		Image:       *c.image,
		Namespace:   t.namespace,
		Entrypoint:  w.Entrypoint,
		Command:     w.Command,
		Env:         withDefaults(w.Env, env),
		User:        w.User,
		WorkingDir:  w.WorkingDir,
		CPUShares:   uint64(max(w.CPU, 0)),
		MemoryLimit: int64(w.Memory) << 20,
		MemorySoft:  int64(w.MemoryReservation) << 20,
	}
}
