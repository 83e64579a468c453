package agent

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"slipway/engine"
	"slipway/nodeapi"
)

// defined is a task whose first container asks for all that can be asked for.
func defined() nodeapi.Task {
	t := taskOf("x", "y")
	t.CPU, t.Memory, t.Disk, t.Network, t.PIDMode, t.IPCMode = 512, 300, 2, "host", "task", "host"
	t.Volumes = []nodeapi.Volume{{Name: "etc", HostPath: "/etc/app"}, {Name: "data", Shared: "app-data"}, {Name: "scratch"}}
	swap, swappiness := 64, 10
	c := &t.Containers[0]
	c.Ref, c.Digest = "127.0.0.1:4600/app", "sha256:"+strings.Repeat("a", 64)
	c.Entrypoint, c.Env, c.User, c.WorkingDir, c.Hostname = []string{"e"}, []string{"A=1"}, "app", "/srv", "box"
	c.CPU, c.Memory, c.MemoryReservation = 256, 128, 64
	c.Mounts = []nodeapi.Mount{{Volume: "etc", Path: "/etc/app", ReadOnly: true}, {Volume: "scratch", Path: "/scratch"}, {Path: "/tmp", Size: 16, Options: []string{"noexec"}}}
	c.VolumesFrom = []nodeapi.VolumesFrom{{Container: "b", ReadOnly: true}}
	c.ReadonlyRoot, c.Privileged, c.NoNewPrivs, c.Init, c.Terminal, c.OpenStdin = true, true, true, true, true, true
	c.CapAdd, c.CapDrop = []string{"SYS_PTRACE"}, []string{"ALL"}
	c.Devices = []nodeapi.Device{{Host: "/dev/fuse"}, {Host: "/dev/sda", Path: "/dev/disk", Permissions: []string{"read", "mknod"}}}
	c.Ulimits = []nodeapi.Ulimit{{Name: "nofile", Soft: 1, Hard: -1}}
	c.Sysctls = map[string]string{"net.core.somaxconn": "9"}
	c.ShmSize, c.MaxSwap, c.Swappiness = 32, &swap, &swappiness
	c.DNS, c.DNSSearch, c.ExtraHosts = []string{"10.0.0.1"}, []string{"example.test"}, []nodeapi.Host{{Name: "db", Address: "10.0.0.9"}}
	// What b has mounted, a uses as well, but not its memory, nor what would hide a mount of its own.
	t.Containers[1].Mounts = []nodeapi.Mount{{Volume: "data", Path: "/data"}, {Volume: "data", Path: "/tmp"}, {Path: "/run", Size: 1}}
	t.Containers[1].VolumesFrom = []nodeapi.VolumesFrom{{Container: "a"}}
	return t
}

func TestTheDefinitionReachesTheEngine(t *testing.T) {
	task := defined()
	w := newTask(task.ID)
	w.wanted(task)
	w.namespace = "/ns"
	a := w.container("a")
	w.pulled(a, engine.Image{Ref: "r"}, time.Time{})
	swap, swappiness := int64(64<<20), uint64(10)
	want := engine.Spec{
		ID: taskID + "-a", Task: taskID, Name: "a", Hostname: "box", Image: engine.Image{Ref: "r"}, Namespace: "/ns",
		Entrypoint: []string{"e"}, Command: []string{"x"}, Env: []string{"A=1", "B=3"}, User: "app", WorkingDir: "/srv",
		CPUShares: 256, MemoryLimit: 128 << 20, MemorySoft: 64 << 20,
		Network: engine.HostNet, PID: engine.TaskWide, IPC: engine.HostWide,
		Mounts: []engine.Mount{
			{Kind: engine.HostPath, Source: "/etc/app", Path: "/etc/app", ReadOnly: true},
			{Kind: engine.TaskVolume, Source: "scratch", Path: "/scratch"},
			{Kind: engine.Tmpfs, Path: "/tmp", Size: 16 << 20, Options: []string{"noexec"}},
			{Kind: engine.NamedVolume, Source: "app-data", Path: "/data", ReadOnly: true},
		},
		ReadonlyRoot: true, Privileged: true, CapAdd: []string{"SYS_PTRACE"}, CapDrop: []string{"ALL"}, NoNewPrivs: true,
		Devices: []engine.Device{{Host: "/dev/fuse", Path: "/dev/fuse", Permissions: "rwm"}, {Host: "/dev/sda", Path: "/dev/disk", Permissions: "rm"}},
		Ulimits: []engine.Ulimit{{Name: "nofile", Soft: 1, Hard: -1}}, Sysctls: map[string]string{"net.core.somaxconn": "9"},
		Init: true, ShmSize: 32 << 20, SwapMax: &swap, Swappiness: &swappiness,
		DNS: []string{"10.0.0.1"}, DNSSearch: []string{"example.test"}, ExtraHosts: []engine.Host{{Name: "db", Address: "10.0.0.9"}},
		Terminal: true, OpenStdin: true, DiskLimit: 2 << 30,
	}
	if got := specOf(w, a, []string{"A=2", "B=3"}); !reflect.DeepEqual(got, want) {
		t.Errorf("spec is\n%+v, want\n%+v", got, want)
	}
	if got, want := reference(a), "127.0.0.1:4600/app@"+task.Containers[0].Digest; got != want {
		t.Errorf("pulls %s, want %s", got, want)
	}
	group := engine.Group{
		Limits:  engine.Limits{CPUShares: 512, CPUQuota: 50_000, MemoryLimit: 300 << 20},
		Network: engine.HostNet, PID: engine.TaskWide, IPC: engine.HostWide,
	}
	if got := groupOf(&task); got != group {
		t.Errorf("its containers have together %+v, want %+v", got, group)
	}
	// Those that use each other's volumes have both, once.
	got := mountsOf(&task, &task.Containers[1])
	var paths []string
	for _, m := range got {
		paths = append(paths, m.Path)
	}
	if want := "/data /tmp /run /etc/app /scratch"; strings.Join(paths, " ") != want {
		t.Errorf("b has %s, want %s", paths, want)
	}
}

func TestNetworksAndTheirPorts(t *testing.T) {
	for mode, want := range map[string]struct {
		engine.NetworkMode
		ports int
	}{
		"": {engine.Bridge, 1}, "bridge": {engine.Bridge, 1}, "awsvpc": {engine.Bridge, 0},
		"host": {engine.HostNet, 1}, "none": {engine.NoNetwork, 0},
	} {
		task := taskOf("x")
		task.Network = mode
		task.Containers[0].Ports = []nodeapi.Port{{Container: 80, Host: 80, Protocol: "tcp"}}
		if got, ports := groupOf(&task).Network, portsWanted(&task); got != want.NetworkMode || len(ports) != want.ports {
			t.Errorf("%q is %v with ports %v, want %+v", mode, got, ports, want)
		}
	}
	for mode, want := range map[string]engine.Sharing{"": engine.Private, "none": engine.Private, "task": engine.TaskWide, "host": engine.HostWide} {
		task := nodeapi.Task{PIDMode: mode, IPCMode: mode}
		if g := groupOf(&task); g.PID != want || g.IPC != want {
			t.Errorf("%q is %v and %v, want %v", mode, g.PID, g.IPC, want)
		}
	}
}

func TestWhatChecksAContainer(t *testing.T) {
	for _, c := range []struct{ command, want []string }{
		{nil, nil}, {[]string{"NONE"}, nil}, {[]string{"CMD-SHELL"}, nil},
		{[]string{"CMD", "curl", "-f"}, []string{"curl", "-f"}},
		{[]string{"CMD-SHELL", "curl || exit 1"}, []string{"/bin/sh", "-c", "curl || exit 1"}},
		{[]string{"CMD-SHELL", "test $0 = a", "a"}, []string{"/bin/sh", "-c", "test $0 = a", "a"}},
		{[]string{"curl", "-f"}, []string{"curl", "-f"}},
	} {
		if got := checkArgs(&nodeapi.HealthCheck{Command: c.command}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q runs %q, want %q", c.command, got, c.want)
		}
	}
}
