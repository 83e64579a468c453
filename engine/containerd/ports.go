package containerd

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"syscall"

	"slipway/engine"
)

// Ports that a task is given where it asks for any.
const firstDynamicPort, lastDynamicPort = 32768, 60999

// givePorts fills in the host ports. held are the ports of other tasks, by the task.
func givePorts(wanted []engine.Port, held map[string][]engine.Port) ([]engine.Port, error) {
	given := slices.Clone(wanted)
	for i, p := range given {
		if err := checkPort(p); err != nil {
			return nil, err
		}
		if p.Host == 0 {
			continue
		}
		if err := claim(p, given[:i], held); err != nil {
			return nil, err
		}
	}
	for i, p := range given {
		if p.Host != 0 {
			continue
		}
		port, err := anyPort(p, given, held)
		if err != nil {
			return nil, err
		}
		given[i].Host = port
	}
	return given, nil
}

func checkPort(p engine.Port) error {
	switch {
	case p.Protocol != "tcp" && p.Protocol != "udp":
		return fmt.Errorf("%w: port protocol %q is neither tcp nor udp", engine.ErrCreate, p.Protocol)
	case p.Container < 1 || p.Container > 65535:
		return fmt.Errorf("%w: container port %d is not within 1-65535", engine.ErrCreate, p.Container)
	case p.Host < 0 || p.Host > 65535:
		return fmt.Errorf("%w: host port %d is not within 0-65535", engine.ErrCreate, p.Host)
	}
	return nil
}

// anyPort starts somewhere at random, so that a port which was given back is seldom given again soon.
func anyPort(p engine.Port, given []engine.Port, held map[string][]engine.Port) (int, error) {
	const count = lastDynamicPort - firstDynamicPort + 1
	start := rand.N(count)
	for i := range count {
		p.Host = firstDynamicPort + (start+i)%count
		if claim(p, given, held) == nil {
			return p.Host, nil
		}
	}
	return 0, fmt.Errorf("%w: none of %d-%d/%s is free", engine.ErrPortInUse, firstDynamicPort, lastDynamicPort, p.Protocol)
}

// claim fails where somebody has the host port of p.
func claim(p engine.Port, given []engine.Port, held map[string][]engine.Port) error {
	if holds(given, p) {
		return fmt.Errorf("%w: %d/%s is asked for twice by the task", engine.ErrPortInUse, p.Host, p.Protocol)
	}
	for task, ports := range held {
		if holds(ports, p) {
			return fmt.Errorf("%w: %d/%s is held by task %s", engine.ErrPortInUse, p.Host, p.Protocol, task)
		}
	}
	err := bind(p)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: %d/%s is held by another process", engine.ErrPortInUse, p.Host, p.Protocol)
	}
	return err
}

func holds(ports []engine.Port, p engine.Port) bool {
	return slices.ContainsFunc(ports, func(q engine.Port) bool {
		return q.Host == p.Host && q.Protocol == p.Protocol
	})
}

// bind tries the port on all addresses, which fails where a process has it on any.
func bind(p engine.Port) error {
	address := ":" + strconv.Itoa(p.Host)
	var socket io.Closer
	var err error
	if p.Protocol == "udp" {
		socket, err = net.ListenPacket("udp4", address)
	} else {
		socket, err = net.Listen("tcp4", address)
	}
	if err != nil {
		return err
	}
	return socket.Close()
}
