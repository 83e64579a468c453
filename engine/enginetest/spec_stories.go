package enginetest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"slipway/engine"
)

func madeAgain(t *testing.T, b *Body) {
	task := NewTask(t, b)
	for i, line := range []string{"one", "two", "three"} {
		c := task.RunSpec(task.Spec("main", "print", line, "then", "exit", fmt.Sprint(i+1)))
		c.Exit(i + 1)
		task.check(b.Engine.Delete(task.ctx(), c.id))
		want(t, "containers", len(task.list(task.ctx())), 0)
	}
	last := &Container{Task: task, id: task.ID + "-main"}
	want(t, "the output of all three", last.output(), "one\ntwo\nthree\n")
	task.check(b.Engine.RemoveOutput(last.id))
}

func readonlyRoot(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "escape", "write", "/etc/passwd", "x", "then", "write", "/scratch/file", "x", "then", "write", "/dev/shm/file", "x",
		"then", "write", DeclaredVolume+"/file", "x")
	spec.ReadonlyRoot = true
	spec.Mounts = []engine.Mount{{Kind: engine.Tmpfs, Path: "/scratch"}}
	c := task.RunSpec(spec)
	c.Exit(0)
	want(t, "writing to the root", strings.Contains(c.Printed(), "read-only file system"), true)
}

func privileges(t *testing.T, b *Body) {
	task := NewTask(t, b)
	status := func(name string, change func(*engine.Spec)) map[string]string {
		spec := task.Spec(name, "show")
		change(&spec)
		return task.RunSpec(spec).Facts().Status
	}
	want(t, "added and dropped", status("some", func(s *engine.Spec) {
		s.CapAdd, s.CapDrop = []string{"SYS_PTRACE", "cap_net_admin"}, []string{"MKNOD", "NET_RAW"}
	})["CapEff"], fmt.Sprintf("%016x", (0xa80425fb|1<<19|1<<12)&^(1<<27|1<<13)))
	want(t, "all dropped", status("none", func(s *engine.Spec) { s.CapDrop = []string{"ALL"} })["CapBnd"], "0000000000000000")
	want(t, "all dropped but one", status("one", func(s *engine.Spec) {
		s.CapDrop, s.CapAdd = []string{"all"}, []string{"NET_BIND_SERVICE"}
	})["CapEff"], fmt.Sprintf("%016x", 1<<10))
	ours := ownStatus(t)["CapBnd"]
	want(t, "all added", status("all", func(s *engine.Spec) { s.CapAdd = []string{"ALL"} })["CapEff"], ours)
	app := status("app", func(s *engine.Spec) { s.User, s.CapAdd = "app", []string{"SYS_PTRACE"} })
	want(t, "of one who is not root", app["CapEff"], "0000000000000000")
	want(t, "no new privileges", status("nnp", func(s *engine.Spec) { s.NoNewPrivs = true })["NoNewPrivs"], "1")

	spec := task.Spec("privileged", "show")
	spec.Privileged = true
	seen := task.RunSpec(spec).Facts()
	want(t, "privileged: capabilities", seen.Status["CapEff"], ours)
	want(t, "privileged: seccomp", seen.Status["Seccomp"], "0")
	want(t, "privileged: /sys is writable", strings.Contains(seen.Mounts["/sys"], "sysfs rw"), true)
	spec = task.Spec("kernel", "escape", "device", "c", "1", "11", "then", "try", "/dev/kmsg", "then", "escape", "remount", "/etc/hosts")
	spec.Privileged = true
	want(t, "privileged: devices and mounts", strings.Count(task.says(spec), "refused"), 0)

	spec = task.Spec("unknown", "exit", "0")
	spec.CapAdd = []string{"FLY"}
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, `"FLY"`)
}

func ownStatus(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(string(must(os.ReadFile("/proc/self/status"))(t))) {
		name, value, _ := strings.Cut(line, ":")
		all[name] = strings.TrimSpace(value)
	}
	return all
}

func devices(t *testing.T, b *Body) {
	task := NewTask(t, b)
	host := "/dev/loop-control"
	if _, err := os.Stat(host); err != nil {
		host = "/dev/fuse"
	}
	spec := task.Spec("main", "try", "/dev/given", "then", "escape", "write", "/dev/given", "x")
	spec.Devices = []engine.Device{{Host: host, Path: "/dev/given", Permissions: "r"}}
	c := task.RunSpec(spec)
	c.Exit(0)
	out := c.Printed()
	if !strings.HasPrefix(out, "opened /dev/given\nrefused write") {
		t.Errorf("a device given to be read: %s", out)
	}
	spec = task.Spec("missing", "exit", "0")
	spec.Devices = []engine.Device{{Host: "/dev/nosuchdevice"}}
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, "/dev/nosuchdevice")
	spec.Devices = []engine.Device{{Host: "/dev/kmsg", Permissions: "x"}}
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, `"x"`)
}

func kernelSettings(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "show", "then", "read", "/proc/sys/kernel/shm_rmid_forced", "then", "read", "/proc/sys/net/core/somaxconn",
		"then", "open", "100", "then", "fill", "/dev/shm/x", "20")
	spec.Ulimits = []engine.Ulimit{{Name: "nofile", Soft: 64, Hard: 128}, {Name: "core", Soft: 0, Hard: 0}}
	spec.Sysctls = map[string]string{"kernel.shm_rmid_forced": "1", "net.core.somaxconn": "77"}
	spec.ShmSize = 8 << 20
	c := task.RunSpec(spec)
	c.Exit(0)
	out := c.Printed()
	// Go lifts its soft limit to the hard one, so a hundred can be opened.
	for _, part := range []string{`"Max core file size":"0 0"`, ` 128"`, "opened 100\n", "\n1\n77\n", "full after 8"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
	refused := map[string]func(*engine.Spec){
		"kernel.panic": func(s *engine.Spec) { s.Sysctls = map[string]string{"kernel.panic": "1"} },
		`"net./../x"`:  func(s *engine.Spec) { s.Sysctls = map[string]string{"net./../x": "1"} },
		`"files"`:      func(s *engine.Spec) { s.Ulimits = []engine.Ulimit{{Name: "files", Soft: 1, Hard: 1}} },
		"above":        func(s *engine.Spec) { s.Ulimits = []engine.Ulimit{{Name: "nofile", Soft: -1, Hard: 1}} },
	}
	for word, change := range refused {
		spec := task.Spec("refused", "exit", "0")
		change(&spec)
		wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, word)
	}
}

func namesGiven(t *testing.T, b *Body) {
	task := NewTask(t, b)
	network, err := b.Engine.Attach(task.ctx(), task.ID, nil)
	task.check(err)
	spec := task.Spec("main", "read", "/etc/hosts", "then", "read", "/etc/resolv.conf")
	spec.Hostname = "named"
	spec.DNS, spec.DNSSearch = []string{"10.0.0.2", "fd00::2"}, []string{"corp.example", "example"}
	spec.ExtraHosts = []engine.Host{{Name: "db", Address: "10.1.2.3"}, {Name: "machine", Address: "host-gateway"}}
	c := task.RunSpec(spec)
	c.Exit(0)
	out := c.Printed()
	for _, part := range []string{
		"127.0.0.1\tlocalhost\n", "ff02::2\tip6-allrouters\n", "10.1.2.3\tdb\n", ".1\tmachine\n", network.Address + "\tnamed\n",
		"search corp.example example\nnameserver 10.0.0.2\nnameserver fd00::2\n",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
	want(t, "name servers", strings.Count(out, "nameserver"), 2)
	for word, change := range map[string]func(*engine.Spec){
		"name server": func(s *engine.Spec) { s.DNS = []string{"1.1.1.1\nnameserver 2.2.2.2"} },
		"extra host":  func(s *engine.Spec) { s.ExtraHosts = []engine.Host{{Name: "a b", Address: "1.1.1.1"}} },
		"IP address":  func(s *engine.Spec) { s.ExtraHosts = []engine.Host{{Name: "a", Address: "b"}} },
	} {
		spec := task.Spec("refused", "exit", "0")
		change(&spec)
		wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrCreate, word)
	}
}

func terminals(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "tty", "then", "warn", "both in one", "then", "flood", "200000", "then", "exit", "3")
	spec.Terminal = true
	c := task.RunSpec(spec)
	c.Exit(3)
	out := c.Printed()
	for _, part := range []string{"in true\r\n", "out true\r\n", "both in one\r\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in %.200q", part, out)
		}
	}
	want(t, "all of it", strings.HasSuffix(out, strings.Repeat("x", 200000)+"\r\nend\r\n"), true)

	spec = task.Spec("missing")
	spec.Terminal, spec.Entrypoint = true, []string{"/missing/program"}
	wantError(t, b.Engine.Create(task.ctx(), spec), engine.ErrStart, "/missing/program")

	spec = task.Spec("open", "stdin")
	spec.OpenStdin = true
	open := task.RunSpec(spec)
	open.Prints("reading")
	closed := task.RunSpec(task.Spec("closed", "stdin"))
	closed.Exit(0)
	want(t, "state of one whose input is open", open.See().State, engine.Running)
	task.check(b.Engine.Signal(task.ctx(), open.id, "SIGKILL"))
	open.Exit(137)
}

func inits(t *testing.T, b *Body) {
	task := NewTask(t, b)
	without := task.RunSpec(task.Spec("without", "orphan", "5", "then", "ended", "5"))
	without.Prints("ended")
	without.Exit(0)
	spec := task.Spec("with", "orphan", "5", "then", "ended", "0", "then", "show", "then", "stubborn")
	spec.Init = true
	with := task.RunSpec(spec)
	with.Prints("waiting")
	want(t, "the init is there", strings.Contains(with.output(), `"pause "`), true)

	spec = task.Spec("signalled", "print", "here", "then", "sleep", "1h")
	spec.Init = true
	c := task.RunSpec(spec)
	c.Prints("here")
	task.check(b.Engine.Signal(task.ctx(), c.id, "SIGTERM"))
	c.Exit(128 + 15) // as a first process it could not be ended so
	task.Use(b.Again(t))
	task.check(b.Engine.Delete(task.ctx(), c.id))
	spec.Command = []string{"exit", "4"}
	task.RunAs(spec).Exit(4)
}
