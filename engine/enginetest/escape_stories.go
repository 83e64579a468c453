package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/internal/ids"
)

// noWayOut tries what gets programs out of containers, as root of one with what every container has. Each
// must be refused, by whatever stands in its way.
func noWayOut(t *testing.T, b *Body) {
	victim, task := NewTask(t, b), NewTask(t, b)
	secret := "SECRET-" + ids.Hex(8)
	spec := victim.Spec("main", "write", "/tmp/"+secret, "x", "then", "print", secret, "then", "stubborn")
	spec.Env = []string{"PASSWORD=" + secret}
	spec.Mounts = []engine.Mount{{Kind: engine.TaskVolume, Source: "data", Path: "/data"}}
	other := victim.RunSpec(spec)
	other.Prints("waiting")

	inside := task.RunSpec(task.Spec("spy", "stubborn"))
	inside.Prints("waiting")
	ways := waysOut(t, b, other, secret)
	var steps []string
	for _, w := range ways {
		steps = slices.Concat(steps, []string{"escape"}, w, []string{"then"})
	}
	_, out, _ := inside.Exec(engine.Exec{}, steps...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want(t, "ways that were tried", len(lines), len(ways))
	for _, line := range lines {
		if !strings.HasPrefix(line, "refused") {
			t.Error(line)
		}
	}
}

// way is how a program tries to get out: a word of its escape step, and what that needs.
type way []string

// waysOut are those that the test program knows, with what there is on this machine to get at.
func waysOut(t *testing.T, b *Body, victim *Container, secret string) []way {
	t.Helper()
	return slices.Concat(
		[]way{{"find", secret, "tmp/" + secret}},
		toProcesses(victim.See().Pid, os.Getpid(), os.Getppid()),
		toFiles(b, victim), toKernel(), toDevices(t), byMounts(), byCalls(), toInterfaces(t),
	)
}

// toProcesses are those of others and of the machine.
func toProcesses(pids ...int) (ways []way) {
	for _, pid := range pids {
		if pid < 300 { // there may be one of that number inside
			continue
		}
		for _, call := range []string{"kill", "trace", "inject"} {
			ways = append(ways, way{call, strconv.Itoa(pid)})
		}
	}
	return ways
}

// toFiles are another's output and volume, the engine's own and its sockets.
func toFiles(b *Body, victim *Container) []way {
	output := b.Engine.Output(victim.id)
	ways := []way{{"read", output}, {"write", output, "x"}}
	for dir := filepath.Dir(output); dir != "/" && dir != "/tmp"; dir = filepath.Dir(dir) {
		ways = append(ways, way{"read", filepath.Join(dir, "engine.lock")},
			way{"read", filepath.Join(dir, "volumes/tasks", victim.ID, "data/name")})
	}
	for _, socket := range []string{"/run/containerd/containerd.sock", "/var/run/docker.sock", "/run/systemd/private"} {
		ways = append(ways, way{"write", socket, "x"})
	}
	return ways
}

// toKernel are files by which the kernel tells of the machine, or is told.
func toKernel() []way {
	ways := []way{{"cgroup"}}
	for _, file := range []string{
		"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug", "/proc/kmsg",
		"/sys/firmware/dmi/tables/DMI", "/sys/kernel/debug/x", "/sys/kernel/security/x", "/dev/mem", "/dev/kmsg",
		"/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup", "/proc/vmcore",
	} {
		ways = append(ways, way{"read", file})
	}
	return append(ways,
		way{"write", "/proc/sysrq-trigger", "h"},
		way{"write", "/proc/sys/kernel/core_pattern", "|/tmp/x"},
		way{"write", "/proc/sys/kernel/modprobe", "/tmp/x"},
		way{"write", "/proc/sys/kernel/hostname", "x"},
		way{"write", "/proc/sys/vm/drop_caches", "1"},
		way{"write", "/proc/sys/vm/panic_on_oom", "1"},
		way{"write", "/proc/sys/net/ipv4/ip_forward", "1"},
		way{"write", "/proc/sys/fs/binfmt_misc/register", ":x:M::x::/x:"},
		way{"write", "/proc/irq/default_smp_affinity", "1"},
		way{"write", "/proc/self/oom_score_adj", "-1000"},
		way{"write", "/proc/self/uid_map", "0 0 1"},
		way{"write", "/proc/mtrr", "x"},
		way{"write", "/proc/acpi/wakeup", "x"},
		way{"write", "/sys/kernel/uevent_helper", "/tmp/x"},
		way{"write", "/sys/kernel/mm/transparent_hugepage/enabled", "never"},
		way{"write", "/sys/kernel/profiling", "1"},
		way{"write", "/sys/module/kernel/parameters/panic", "1"},
		way{"write", "/sys/power/state", "x"},
		way{"write", "/sys/fs/cgroup/release_agent", "/tmp/x"},
	)
}

// toDevices are those that a container has no business with: the disk of the root file system first of all.
func toDevices(t *testing.T) []way {
	t.Helper()
	var root unix.Stat_t
	if err := unix.Stat("/", &root); err != nil {
		t.Fatal(err)
	}
	return []way{
		{"device", "b", fmt.Sprint(unix.Major(root.Dev)), fmt.Sprint(unix.Minor(root.Dev))},
		{"device", "b", "7", "0"},    // a loop device
		{"device", "c", "1", "1"},    // mem
		{"device", "c", "1", "2"},    // kmem
		{"device", "c", "1", "4"},    // port
		{"device", "c", "1", "11"},   // kmsg
		{"device", "c", "10", "229"}, // fuse
		{"device", "c", "10", "232"}, // kvm
		{"device", "c", "10", "237"}, // loop-control
		{"tun"},                      // which runc lets everybody open
	}
}

func byMounts() (ways []way) {
	for _, kind := range []string{"proc", "sysfs", "tmpfs", "cgroup", "cgroup2", "devtmpfs", "overlay", "bpf", "debugfs"} {
		ways = append(ways, way{"mount", "x", kind})
	}
	for _, at := range []string{"/proc/sys", "/sys", "/etc/hosts", "/"} {
		ways = append(ways, way{"remount", at})
	}
	return ways
}

func byCalls() (ways []way) {
	for _, name := range []string{"mnt", "net", "pid", "uts", "ipc", "cgroup", "user"} {
		ways = append(ways, way{"setns", "/proc/1/ns/" + name})
	}
	for _, flag := range []int{unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWNET, unix.CLONE_NEWPID, unix.CLONE_NEWCGROUP} {
		ways = append(ways, way{"clone", strconv.Itoa(flag)})
	}
	for _, call := range []string{
		"bpf", "module", "kexec", "keys", "handle", "pivot", "time", "reboot", "swap", "nice", "chroot", "admin", "acct", "perf",
	} {
		ways = append(ways, way{call})
	}
	return ways
}

// toInterfaces are the machine's.
func toInterfaces(t *testing.T) (ways []way) {
	t.Helper()
	for _, file := range must(filepath.Glob("/sys/class/net/*"))(t) {
		if name := filepath.Base(file); name != "lo" && name != "eth0" {
			ways = append(ways, way{"raw", name})
		}
	}
	return ways
}

// volumeLinksStayInside: what one container puts into a volume does not lead another, nor us, out of it.
func volumeLinksStayInside(t *testing.T, b *Body) {
	task := NewTask(t, b)
	mark := "escaped-" + ids.Hex(8)
	shared := engine.Mount{Kind: engine.TaskVolume, Source: "shared", Path: "/shared"}
	with := func(name string, mounts []engine.Mount, command ...string) engine.Spec {
		s := task.grouped(engine.Group{}, name, command...)
		s.Mounts = mounts
		return s
	}
	task.says(with("links", []engine.Mount{shared}, "symlink", "/../../../../tmp", "/shared/out", "then", "symlink", "../../../../../../../tmp", "/shared/up",
		"then", "symlink", "/proc/self/root/tmp", "/shared/self"))
	for _, link := range []string{"out", "up", "self"} {
		nested := engine.Mount{Kind: engine.TaskVolume, Source: "nested-" + link, Path: "/shared/" + link + "/" + mark}
		spec := with("nested-"+link, []engine.Mount{nested, shared}, "exit", "0")
		if err := b.Engine.Create(task.ctx(), spec); err == nil { // inside of the container it may lead where it wants
			task.check(b.Engine.Start(task.ctx(), spec.ID))
			(&Container{Task: task, id: spec.ID}).Exit(0)
		}
	}
	for _, folder := range []string{"/tmp", "/", "/proc/self/root/tmp"} {
		if left, _ := filepath.Glob(filepath.Join(folder, mark+"*")); len(left) > 0 {
			t.Errorf("outside: %v", left)
		}
	}
}
