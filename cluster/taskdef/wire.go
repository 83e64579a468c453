package taskdef

import (
	"time"

	"slipway/nodeapi"
)

// defaultAttemptPeriod is how long a container must have run before it is started anew. Source: Amazon
// ECS API Reference, ContainerRestartPolicy.
const defaultAttemptPeriod = 300 // seconds

// Wire is what a node is told of the i-th container, as far as the definition says it: not which image that is by now,
// nor where its output goes.
func (s Spec) Wire(i int) nodeapi.Container {
	c := s.Containers[i]
	w := nodeapi.Container{
		Name: c.Name, Image: c.Image, Essential: c.Essential, Entrypoint: c.Entrypoint, Command: c.Command,
		User: c.User, WorkingDir: c.WorkingDir, Hostname: c.Hostname,
		CPU: c.CPU, Memory: deref(c.Memory), MemoryReservation: deref(c.MemoryReservation),
		StartTimeout: seconds(deref(c.StartTimeout)), StopTimeout: c.stopTime(),
		Health: c.Health.wire(), Restart: c.Restart.wire(), Sysctls: c.sysctls(),
		ReadonlyRoot: deref(c.ReadonlyRoot), Privileged: deref(c.Privileged), NoNewPrivs: c.noNewPrivs(),
		DNS: c.DNS, DNSSearch: c.DNSSearch, Terminal: deref(c.Terminal), OpenStdin: deref(c.Interactive), Labels: c.Labels,
	}
	for _, v := range c.Env {
		w.Env = append(w.Env, v.Name+"="+v.Value)
	}
	for _, p := range s.published(c) {
		w.Ports = append(w.Ports, nodeapi.Port{Container: p.Container, Host: p.Host, Protocol: p.Protocol})
	}
	for _, d := range c.DependsOn {
		w.DependsOn = append(w.DependsOn, nodeapi.Dependency{Container: d.Container, Condition: d.Condition})
	}
	for _, h := range c.ExtraHosts {
		w.ExtraHosts = append(w.ExtraHosts, nodeapi.Host{Name: h.Name, Address: h.Address})
	}
	for _, u := range c.Ulimits {
		w.Ulimits = append(w.Ulimits, nodeapi.Ulimit{Name: u.Name, Soft: int64(u.Soft), Hard: int64(u.Hard)})
	}
	c.mountInto(&w)
	c.Linux.into(&w)
	return w
}

// WireVolumes is what a node is told of the volumes of an account's task.
func (s Spec) WireVolumes(account string) (list []nodeapi.Volume) {
	for _, v := range s.Volumes {
		list = append(list, nodeapi.Volume{Name: v.Name, HostPath: v.HostPath, Shared: v.shared(account)})
	}
	return list
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// sysctls are the container's parameters of the kernel by name; nil: it has none.
func (c Container) sysctls() map[string]string {
	if len(c.Sysctls) == 0 {
		return nil
	}
	all := make(map[string]string, len(c.Sysctls))
	for _, ctl := range c.Sysctls {
		all[ctl.Name] = ctl.Value
	}
	return all
}

func (c Container) mountInto(w *nodeapi.Container) {
	for _, m := range c.Mounts {
		w.Mounts = append(w.Mounts, nodeapi.Mount{Volume: m.Volume, Path: m.Path, ReadOnly: deref(m.ReadOnly)})
	}
	for _, b := range c.VolumesFrom {
		w.VolumesFrom = append(w.VolumesFrom, nodeapi.VolumesFrom{Container: b.Container, ReadOnly: deref(b.ReadOnly)})
	}
}

func (l *Linux) into(w *nodeapi.Container) {
	if l == nil {
		return
	}
	if l.Capabilities != nil {
		w.CapAdd, w.CapDrop = l.Capabilities.Add, l.Capabilities.Drop
	}
	w.Init, w.ShmSize, w.MaxSwap = deref(l.Init), deref(l.SharedMemory), l.MaxSwap
	if l.MaxSwap != nil { // without it, ECS has no use for swappiness either
		w.Swappiness = l.Swappiness
	}
	for _, d := range l.Devices {
		w.Devices = append(w.Devices, nodeapi.Device{Host: d.Host, Path: d.Path, Permissions: d.Permissions})
	}
	for _, t := range l.Tmpfs {
		w.Mounts = append(w.Mounts, nodeapi.Mount{Path: t.Path, Size: t.Size, Options: t.Options})
	}
}

// Checks tells whether there is anything to run: NONE is how Docker says that there is not.
func (h *Health) Checks() bool { return h != nil && h.Command[0] != "NONE" }

func (h *Health) wire() *nodeapi.HealthCheck {
	if !h.Checks() {
		return nil
	}
	return &nodeapi.HealthCheck{
		Command: h.Command, Interval: seconds(h.Interval), Timeout: seconds(h.Timeout), Retries: h.Retries, StartPeriod: seconds(deref(h.StartPeriod)),
	}
}

func (r *Restart) wire() *nodeapi.Restart {
	if r == nil || !r.Enabled {
		return nil
	}
	period := defaultAttemptPeriod
	replace(&period, deref(r.AttemptPeriod))
	return &nodeapi.Restart{IgnoredExitCodes: r.IgnoredExitCodes, AttemptPeriod: seconds(period)}
}
