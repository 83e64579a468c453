package fake

import (
	"context"
	"fmt"
	"slices"

	"slipway/engine"
)

const firstDynamicPort, lastDynamicPort = 32768, 60999

// Prepare makes room for a task. Limits bind nothing here, and nothing is shared but the network.
func (e *Engine) Prepare(ctx context.Context, id string, g engine.Group) (string, error) {
	if err := e.before(ctx, "Prepare", id); err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.prepare(id)
	t.mode = g.Network
	if t.mode == engine.HostNet {
		t.network.Namespace = ""
	}
	return t.network.Namespace, nil
}

func (e *Engine) prepare(id string) *task {
	if e.tasks[id] == nil {
		e.tasks[id] = &task{network: engine.Network{Namespace: "/fake/" + id}}
	}
	return e.tasks[id]
}

// Attach gives a task an address and ports that no other task has.
func (e *Engine) Attach(ctx context.Context, id string, ports []engine.Port) (engine.Network, error) {
	if err := e.before(ctx, "Attach", id); err != nil {
		return engine.Network{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.prepare(id)
	if t.attached {
		return t.network, nil
	}
	if t.mode == engine.NoNetwork {
		return engine.Network{Namespace: t.network.Namespace, Ports: ports}, nil
	}
	given, err := e.givePorts(t.mode, ports)
	if err != nil {
		return engine.Network{}, err
	}
	t.network.Ports, t.attached = given, true
	if t.mode == engine.HostNet {
		return t.network, nil
	}
	e.lastHost++
	t.network.Address = fmt.Sprintf("10.87.%d.%d", e.lastHost/250%250, e.lastHost%250+2)
	return t.network, nil
}

// givePorts fills in the host ports: in the machine's network they are the container's.
func (e *Engine) givePorts(mode engine.NetworkMode, wanted []engine.Port) ([]engine.Port, error) {
	given := slices.Clone(wanted)
	for i, p := range given {
		if mode == engine.HostNet && p.Host == 0 {
			p.Host, given[i].Host = p.Container, p.Container
		}
		switch holder := e.holder(p, given[:i]); {
		case p.Host == 0:
			if given[i].Host = e.freePort(p, given); given[i].Host == 0 {
				return nil, fmt.Errorf("%w: none of %d-%d is free", engine.ErrPortInUse, firstDynamicPort, lastDynamicPort)
			}
		case holder != "":
			return nil, fmt.Errorf("%w: %d/%s is held by %s", engine.ErrPortInUse, p.Host, p.Protocol, holder)
		}
	}
	return given, nil
}

// freePort goes round, so that a port that was given back is not given again at once.
// It gives 0 when all are taken.
func (e *Engine) freePort(p engine.Port, given []engine.Port) int {
	for range lastDynamicPort - firstDynamicPort + 1 {
		if e.lastPort++; e.lastPort > lastDynamicPort {
			e.lastPort = firstDynamicPort
		}
		if p.Host = e.lastPort; e.holder(p, given) == "" {
			return p.Host
		}
	}
	return 0
}

// holder says who has the host port of p, or "".
func (e *Engine) holder(p engine.Port, given []engine.Port) string {
	if holds(given, p) {
		return "the task itself"
	}
	for id, t := range e.tasks {
		if holds(t.network.Ports, p) {
			return "task " + id
		}
	}
	return ""
}

func holds(ports []engine.Port, p engine.Port) bool {
	return slices.ContainsFunc(ports, func(q engine.Port) bool {
		return q.Host == p.Host && q.Host != 0 && q.Protocol == p.Protocol
	})
}

// Detach gives address and ports back.
func (e *Engine) Detach(ctx context.Context, id string) error {
	if err := e.before(ctx, "Detach", id); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.tasks, id)
	return nil
}
