package cluster

import (
	"cmp"
	"time"

	"slipway/nodeapi"
)

// defaultAttemptPeriod is how long a container must have run before it is started anew. Source: Amazon
// ECS API Reference, ContainerRestartPolicy.
const defaultAttemptPeriod = 300 // seconds

func wantedContainer(t Task, i int) nodeapi.Container {
	s, image, log := t.Spec.Containers[i], t.Images[i], logOf(t, t.Spec.Containers[i])
	w := nodeapi.Container{
		Name: s.Name, Image: s.Image, Ref: image.Ref, Digest: cmp.Or(image.Digest, t.Container(i).Digest), // once one is known, no other is meant
		Essential: s.Essential, Entrypoint: s.Entrypoint, Command: s.Command,
		User: s.User, WorkingDir: s.WorkingDir, Hostname: s.Hostname,
		CPU: s.CPU, Memory: deref(s.Memory), MemoryReservation: deref(s.MemoryReservation),
		StartTimeout: seconds(deref(s.StartTimeout)), StopTimeout: s.stopTime(), Log: &log,
		Health: s.Health.wanted(), Restart: s.Restart.wanted(), Restarts: t.Container(i).Restarts,
		ReadonlyRoot: deref(s.ReadonlyRoot), Privileged: deref(s.Privileged), NoNewPrivs: s.noNewPrivs(),
		DNS: s.DNS, DNSSearch: s.DNSSearch, Terminal: deref(s.Terminal), OpenStdin: deref(s.Interactive), Labels: s.Labels,
	}
	for _, v := range s.Env {
		w.Env = append(w.Env, v.Name+"="+v.Value)
	}
	for _, p := range t.Spec.published(s) {
		w.Ports = append(w.Ports, nodeapi.Port{Container: p.Container, Host: p.Host, Protocol: p.Protocol})
	}
	for _, d := range s.DependsOn {
		w.DependsOn = append(w.DependsOn, nodeapi.Dependency{Container: d.Container, Condition: d.Condition})
	}
	for _, h := range s.ExtraHosts {
		w.ExtraHosts = append(w.ExtraHosts, nodeapi.Host{Name: h.Name, Address: h.Address})
	}
	for _, u := range s.Ulimits {
		w.Ulimits = append(w.Ulimits, nodeapi.Ulimit{Name: u.Name, Soft: int64(u.Soft), Hard: int64(u.Hard)})
	}
	w.Sysctls = s.sysctls()
	s.mountInto(&w)
	s.Linux.into(&w)
	return w
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// sysctls are the container's parameters of the kernel by name; nil: it has none.
func (c ContainerSpec) sysctls() map[string]string {
	if len(c.Sysctls) == 0 {
		return nil
	}
	all := make(map[string]string, len(c.Sysctls))
	for _, ctl := range c.Sysctls {
		all[ctl.Name] = ctl.Value
	}
	return all
}

func (c ContainerSpec) mountInto(w *nodeapi.Container) {
	for _, m := range c.Mounts {
		w.Mounts = append(w.Mounts, nodeapi.Mount{Volume: m.Volume, Path: m.Path, ReadOnly: deref(m.ReadOnly)})
	}
	for _, b := range c.VolumesFrom {
		w.VolumesFrom = append(w.VolumesFrom, nodeapi.VolumesFrom{Container: b.Container, ReadOnly: deref(b.ReadOnly)})
	}
}

func (l *LinuxSpec) into(w *nodeapi.Container) {
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

// has tells whether there is anything to run: NONE is how Docker says that there is not.
func (h *HealthSpec) has() bool { return h != nil && h.Command[0] != "NONE" }

func (h *HealthSpec) wanted() *nodeapi.HealthCheck {
	if !h.has() {
		return nil
	}
	return &nodeapi.HealthCheck{
		Command: h.Command, Interval: seconds(h.Interval), Timeout: seconds(h.Timeout), Retries: h.Retries, StartPeriod: seconds(deref(h.StartPeriod)),
	}
}

func (r *RestartSpec) wanted() *nodeapi.Restart {
	if r == nil || !r.Enabled {
		return nil
	}
	period := defaultAttemptPeriod
	replace(&period, deref(r.AttemptPeriod))
	return &nodeapi.Restart{IgnoredExitCodes: r.IgnoredExitCodes, AttemptPeriod: seconds(period)}
}
