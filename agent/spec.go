package agent

import (
	"cmp"
	"slices"
	"strings"

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
		MemoryLimit: mebibytes(w.Memory),
	}
}

func mebibytes(n int) int64 { return int64(n) << 20 }

// groupOf is what the containers of a task have together.
func groupOf(w *nodeapi.Task) engine.Group {
	g := engine.Group{Limits: limitsOf(w)}
	if w != nil {
		g.Network, g.PID, g.IPC = networkOf(w), sharingOf(w.PIDMode), sharingOf(w.IPCMode)
	}
	return g
}

func networkOf(w *nodeapi.Task) engine.NetworkMode {
	switch w.Network {
	case "host":
		return engine.HostNet
	case "none":
		return engine.NoNetwork
	}
	return engine.Bridge // "awsvpc" as well, without ports of the host
}

// sharingOf is whose namespace a mode of the definition means. "none" keeps it to the container.
func sharingOf(mode string) engine.Sharing {
	switch mode {
	case "task":
		return engine.TaskWide
	case "host":
		return engine.HostWide
	}
	return engine.Private
}

// portsWanted are the ports of the host that a task publishes. With "awsvpc" it is reached at its own address alone.
func portsWanted(w *nodeapi.Task) []engine.Port {
	if w == nil || w.Network == "awsvpc" || w.Network == "none" {
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
	w, g := c.want, groupOf(t.want)
	return engine.Spec{
		ID:           c.id,
		Task:         t.id,
		Name:         c.name,
		Hostname:     w.Hostname,
		Image:        *c.image,
		Namespace:    t.namespace,
		Entrypoint:   w.Entrypoint,
		Command:      w.Command,
		Env:          withDefaults(w.Env, env),
		User:         w.User,
		WorkingDir:   w.WorkingDir,
		CPUShares:    uint64(max(w.CPU, 0)),
		MemoryLimit:  mebibytes(w.Memory),
		MemorySoft:   mebibytes(w.MemoryReservation),
		Network:      g.Network,
		PID:          g.PID,
		IPC:          g.IPC,
		Mounts:       mountsOf(t.want, w),
		ReadonlyRoot: w.ReadonlyRoot,
		Privileged:   w.Privileged,
		CapAdd:       w.CapAdd,
		CapDrop:      w.CapDrop,
		NoNewPrivs:   w.NoNewPrivs,
		Devices:      devicesOf(w.Devices),
		Ulimits:      converted(w.Ulimits, func(u nodeapi.Ulimit) engine.Ulimit { return engine.Ulimit(u) }),
		Sysctls:      w.Sysctls,
		Init:         w.Init,
		ShmSize:      mebibytes(w.ShmSize),
		SwapMax:      optional(w.MaxSwap, mebibytes),
		Swappiness:   optional(w.Swappiness, func(n int) uint64 { return uint64(max(n, 0)) }),
		DNS:          w.DNS,
		DNSSearch:    w.DNSSearch,
		ExtraHosts:   converted(w.ExtraHosts, func(h nodeapi.Host) engine.Host { return engine.Host(h) }),
		Terminal:     w.Terminal,
		OpenStdin:    w.OpenStdin,
		DiskLimit:    int64(t.want.Disk) << 30,
	}
}

func converted[A, B any](from []A, to func(A) B) []B {
	var all []B
	for _, a := range from {
		all = append(all, to(a))
	}
	return all
}

func optional[T any](n *int, to func(int) T) *T {
	if n == nil {
		return nil
	}
	value := to(*n)
	return &value
}

func devicesOf(devices []nodeapi.Device) []engine.Device {
	return converted(devices, func(d nodeapi.Device) engine.Device {
		permissions := ""
		for _, p := range d.Permissions {
			permissions += p[:min(1, len(p))] // of "read", "write", "mknod"
		}
		return engine.Device{Host: d.Host, Path: cmp.Or(d.Path, d.Host), Permissions: cmp.Or(permissions, "rwm")}
	})
}

// mountsOf are the mounts of a container: its own, and those of containers whose volumes it uses, but for paths where it
// has one already.
func mountsOf(t *nodeapi.Task, c *nodeapi.Container) (mounts []engine.Mount) {
	for _, m := range c.Mounts {
		mounts = append(mounts, mountOf(t, m))
	}
	for _, m := range borrowed(t, c, map[string]bool{c.Name: true}) {
		if !slices.ContainsFunc(mounts, func(has engine.Mount) bool { return has.Path == m.Path }) {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// borrowed are the volumes that a container uses of others, and those use of yet others. Memory is not lent.
func borrowed(t *nodeapi.Task, c *nodeapi.Container, asked map[string]bool) (mounts []engine.Mount) {
	for _, from := range c.VolumesFrom {
		i := slices.IndexFunc(t.Containers, func(other nodeapi.Container) bool { return other.Name == from.Container })
		if i < 0 || asked[from.Container] {
			continue
		}
		asked[from.Container] = true
		lent := borrowed(t, &t.Containers[i], asked)
		for _, m := range t.Containers[i].Mounts {
			if m.Volume != "" {
				lent = append(lent, mountOf(t, m))
			}
		}
		for _, m := range lent {
			m.ReadOnly = m.ReadOnly || from.ReadOnly
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// mountOf finds what a mount's volume is. One that the task does not name is a volume of its own.
func mountOf(t *nodeapi.Task, m nodeapi.Mount) engine.Mount {
	mount := engine.Mount{Kind: engine.TaskVolume, Source: m.Volume, Path: m.Path, ReadOnly: m.ReadOnly}
	if m.Volume == "" {
		mount.Kind, mount.Size, mount.Options = engine.Tmpfs, mebibytes(m.Size), m.Options
		return mount
	}
	for _, v := range t.Volumes {
		switch {
		case v.Name != m.Volume:
		case v.HostPath != "":
			mount.Kind, mount.Source = engine.HostPath, v.HostPath
		case v.Shared != "":
			mount.Kind, mount.Source = engine.NamedVolume, v.Shared
		}
	}
	return mount
}

// withDefaults adds variables to an environment that does not have them.
func withDefaults(env, defaults []string) []string {
	env = slices.Clone(env)
	for _, variable := range defaults {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.ContainsFunc(env, func(has string) bool { return strings.HasPrefix(has, name+"=") }) {
			env = append(env, variable)
		}
	}
	return env
}
