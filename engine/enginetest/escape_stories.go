package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
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
	for _, way := range ways {
		steps = append(append(append(steps, "escape"), way...), "then")
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

// waysOut are those that the test program knows, with what there is on this machine to get at.
func waysOut(t *testing.T, b *Body, victim *Container, secret string) (ways [][]string) {
	t.Helper()
	add := func(words ...string) { ways = append(ways, words) }

	// Other containers, and processes of the machine.
	add("find", secret, "tmp/"+secret)
	for _, pid := range []int{victim.See().Pid, os.Getpid(), os.Getppid()} {
		if pid < 300 { // there may be one of that number inside
			continue
		}
		for _, way := range []string{"kill", "trace", "inject"} {
			add(way, strconv.Itoa(pid))
		}
	}
	output := b.Engine.Output(victim.id)
	add("read", output)
	add("write", output, "x")
	for dir := filepath.Dir(output); dir != "/" && dir != "/tmp"; dir = filepath.Dir(dir) {
		add("read", filepath.Join(dir, "engine.lock"))
		add("read", filepath.Join(dir, "volumes/tasks", victim.ID, "data/name"))
	}
	for _, socket := range []string{"/run/containerd/containerd.sock", "/var/run/docker.sock", "/run/systemd/private"} {
		add("write", socket, "x")
	}

	// The kernel's files.
	for _, file := range []string{
		"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug", "/proc/kmsg",
		"/sys/firmware/dmi/tables/DMI", "/sys/kernel/debug/x", "/sys/kernel/security/x", "/dev/mem", "/dev/kmsg", "/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup", "/proc/vmcore",
	} {
		add("read", file)
	}
	for file, text := range map[string]string{
		"/proc/sysrq-trigger": "h", "/proc/sys/kernel/core_pattern": "|/tmp/x", "/proc/sys/kernel/modprobe": "/tmp/x",
		"/proc/sys/vm/drop_caches": "1", "/proc/sys/kernel/hostname": "x", "/proc/sys/net/ipv4/ip_forward": "1",
		"/proc/sys/fs/binfmt_misc/register": ":x:M::x::/x:", "/proc/sys/vm/panic_on_oom": "1", "/proc/irq/default_smp_affinity": "1",
		"/proc/self/oom_score_adj": "-1000", "/proc/self/uid_map": "0 0 1", "/proc/mtrr": "x", "/proc/acpi/wakeup": "x",
		"/sys/kernel/uevent_helper": "/tmp/x", "/sys/power/state": "x", "/sys/kernel/mm/transparent_hugepage/enabled": "never",
		"/sys/fs/cgroup/release_agent": "/tmp/x", "/sys/kernel/profiling": "1", "/sys/module/kernel/parameters/panic": "1",
	} {
		add("write", file, text)
	}
	add("cgroup")

	// Devices: the disk that the root file system is on first of all.
	var root unix.Stat_t
	if err := unix.Stat("/", &root); err != nil {
		t.Fatal(err)
	}
	number := func(n uint32) string { return fmt.Sprint(n) }
	add("device", "b", number(unix.Major(root.Dev)), number(unix.Minor(root.Dev)))
	for _, minor := range []string{"1", "2", "4", "11"} { // mem, kmem, port, kmsg
		add("device", "c", "1", minor)
	}
	for _, minor := range []string{"229", "232", "237"} { // fuse, kvm, loop-control
		add("device", "c", "10", minor)
	}
	add("device", "b", "7", "0")
	add("tun") // which runc lets everybody open

	// Calls.
	for _, kind := range []string{"proc", "sysfs", "tmpfs", "cgroup", "cgroup2", "devtmpfs", "overlay", "bpf", "debugfs"} {
		add("mount", "x", kind)
	}
	for _, at := range []string{"/proc/sys", "/sys", "/etc/hosts", "/"} {
		add("remount", at)
	}
	for _, name := range []string{"mnt", "net", "pid", "uts", "ipc", "cgroup", "user"} {
		add("setns", "/proc/1/ns/"+name)
	}
	for _, flags := range []int{unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWNET, unix.CLONE_NEWPID, unix.CLONE_NEWCGROUP} {
		add("clone", strconv.Itoa(flags))
	}
	for _, call := range []string{
		"bpf", "module", "kexec", "keys", "handle", "pivot", "time", "reboot", "swap", "nice", "chroot", "admin", "acct", "perf",
	} {
		add(call)
	}

	// The machine's network interfaces.
	for _, file := range must(filepath.Glob("/sys/class/net/*"))(t) {
		if name := filepath.Base(file); name != "lo" && name != "eth0" {
			add("raw", name)
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
