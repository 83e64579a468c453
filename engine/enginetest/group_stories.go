package enginetest

import (
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"slipway/engine"
)

// grouped makes what the containers of a task share, and gives a Spec of a container that shares it.
func (k *Task) grouped(g engine.Group, name string, command ...string) engine.Spec {
	k.t.Helper()
	namespace, err := k.e.Prepare(k.ctx(), k.ID, g)
	k.check(err)
	s := k.Spec(name, command...)
	s.Namespace, s.Network, s.PID, s.IPC = namespace, g.Network, g.PID, g.IPC
	return s
}

// RunAs creates and starts a container as its Spec stands.
func (k *Task) RunAs(s engine.Spec) *Container {
	k.t.Helper()
	k.check(k.e.Create(k.ctx(), s))
	k.check(k.e.Start(k.ctx(), s.ID))
	return &Container{Task: k, id: s.ID}
}

// says runs a container to its end and gives what it printed.
func (k *Task) says(s engine.Spec) string {
	k.t.Helper()
	c := k.RunAs(s)
	c.Exit(0)
	return c.Printed()
}

func networkModes(t *testing.T, b *Body) {
	host := NewTask(t, b)
	namespace, err := b.Engine.Prepare(host.ctx(), host.ID, engine.Group{Network: engine.HostNet})
	host.check(err)
	want(t, "namespace in the machine's network", namespace, "")
	tcp := freePort(t)
	udp := freePort(t)
	asked := []engine.Port{{Container: tcp, Protocol: "tcp"}, {Container: udp, Host: udp, Protocol: "udp"}}
	for range 2 {
		network, err := b.Engine.Attach(host.ctx(), host.ID, asked)
		host.check(err)
		want(t, "address in the machine's network", network.Address, "")
		want(t, "ports", network.Ports[0].Host == tcp && network.Ports[1].Host == udp, true)
	}
	other := NewTask(t, b)
	_, err = b.Engine.Attach(other.ctx(), other.ID, []engine.Port{{Container: 80, Host: tcp, Protocol: "tcp"}})
	wantError(t, err, engine.ErrPortInUse, strconv.Itoa(tcp), host.ID)
	host.check(b.Engine.Detach(host.ctx(), host.ID))
	_, err = b.Engine.Attach(other.ctx(), other.ID, []engine.Port{{Container: 80, Host: tcp, Protocol: "tcp"}})
	other.check(err)

	alone := NewTask(t, b)
	_, err = b.Engine.Prepare(alone.ctx(), alone.ID, engine.Group{Network: engine.NoNetwork})
	alone.check(err)
	network, err := b.Engine.Attach(alone.ctx(), alone.ID, nil)
	alone.check(err)
	want(t, "address without a network", network.Address, "")
}

// freePort is one that nothing on this machine gives by itself.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		port := 10_000 + rand.IntN(20_000)
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
}

func hostNetwork(t *testing.T, b *Body) {
	task := NewTask(t, b)
	group := engine.Group{Network: engine.HostNet}
	c := task.RunAs(task.grouped(group, "main", "show"))
	seen := c.Facts()
	want(t, "network namespace", seen.Namespaces["net"], must(os.Readlink("/proc/thread-self/ns/net"))(t))
	want(t, "hostname", seen.Hostname, must(os.Hostname())(t))
	want(t, "pid", seen.Pid, 1)
	spec := task.grouped(group, "hosts", "read", "/etc/hosts")
	spec.ExtraHosts = []engine.Host{{Name: "db", Address: "10.1.2.3"}}
	want(t, "an extra host", strings.Contains(task.says(spec), "10.1.2.3\tdb\n"), true)
	spec = task.grouped(group, "sysctl", "exit", "0")
	spec.Sysctls = map[string]string{"net.core.somaxconn": "77"}
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, "net.core.somaxconn")
}

func noNetwork(t *testing.T, b *Body) {
	task := NewTask(t, b)
	group := engine.Group{Network: engine.NoNetwork}
	want(t, "interfaces", strings.Join(task.RunAs(task.grouped(group, "main", "show")).Facts().Links, " "), "lo")
	task.RunAs(task.grouped(group, "server", "serve", "8080", "next door")).Prints("serving")
	want(t, "over loopback", task.says(task.grouped(group, "client", "get", "http://127.0.0.1:8080/")), "next door\n")
}

func sharedProcesses(t *testing.T, b *Body) {
	task := NewTask(t, b)
	group := engine.Group{PID: engine.TaskWide}
	first := task.RunAs(task.grouped(group, "first", "print", "mine", "then", "wait", "5"))
	first.Prints("waiting")
	second := task.grouped(group, "second", "show")
	second.CapAdd = []string{"SYS_PTRACE"} // so that it can look at everything that is there
	seen := task.RunAs(second).Facts()
	sees := func(words string) bool {
		return slices.ContainsFunc(seen.Processes, func(p string) bool { return strings.Contains(p, words) })
	}
	want(t, "it sees the other container", sees("print mine"), true)
	want(t, "it sees the machine's", sees("containerd"), false)
	if seen.Namespaces["pid"] == must(os.Readlink("/proc/thread-self/ns/pid"))(t) {
		t.Error("the namespace is the machine's")
	}

	spy := task.grouped(group, "spy", "escape", "find", "nothing-has-this", "etc", "then", "escape", "read", "/proc/1/environ",
		"then", "escape", "write", "/proc/1/root/x", "y", "then", "escape", "read", "/proc/1/root/../../../../etc/passwd", "then", "escape", "kill", "1")
	spy.CapAdd = []string{"SYS_PTRACE"}
	spy.PID = engine.TaskWide
	out := task.says(spy)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "OPEN") && !strings.Contains(line, "find") && !strings.Contains(line, "kill") { // its neighbours are open to it
			t.Errorf("what holds the namespace: %s", line)
		}
	}

	task.Use(b.Again(t))
	third := task.RunAs(task.grouped(group, "third", "show")).Facts()
	want(t, "the namespace, found again", third.Namespaces["pid"], seen.Namespaces["pid"])
	task.check(b.Engine.Signal(task.ctx(), first.id, "SIGTERM"))
	first.Exit(5)
	want(t, "orphans are reaped", task.says(task.grouped(group, "orphans", "orphan", "5", "then", "ended", "0")), "ended\n")

	other := NewTask(t, b)
	want(t, "pid in a task that shares nothing", other.Run("main", "show").Facts().Pid, 1)
	host := NewTask(t, b)
	machines := host.RunAs(host.grouped(engine.Group{PID: engine.HostWide}, "main", "show")).Facts()
	want(t, "the machine's processes", machines.Namespaces["pid"], must(os.Readlink("/proc/thread-self/ns/pid"))(t))
}

func sharedMemory(t *testing.T, b *Body) {
	task := NewTask(t, b)
	group := engine.Group{IPC: engine.TaskWide}
	spec := task.grouped(group, "first", "shmput", "42", "hello", "then", "write", "/dev/shm/note", "by file", "then", "stubborn")
	spec.ShmSize = 80 << 20
	first := task.RunAs(spec)
	first.Prints("waiting")
	look := []string{"shmget", "42", "then", "try", "/dev/shm/note", "then", "fill", "/dev/shm/big", "75"}
	want(t, "what another container sees", task.says(task.grouped(group, "second", look...)), "hello\nopened /dev/shm/note\nfilled 75\n")

	task.Use(b.Again(t))
	want(t, "the namespace, found again", task.says(task.grouped(group, "third", look[:2]...)), "hello\n")
	private := NewTask(t, b)
	out := private.says(private.grouped(engine.Group{}, "other", look[:6]...))
	if strings.Contains(out, "hello") || strings.Contains(out, "opened") {
		t.Errorf("another task sees %q", out)
	}
	host := NewTask(t, b)
	machines := host.RunAs(host.grouped(engine.Group{IPC: engine.HostWide}, "main", "show")).Facts()
	want(t, "the machine's memory", machines.Namespaces["ipc"], must(os.Readlink("/proc/thread-self/ns/ipc"))(t))
}
