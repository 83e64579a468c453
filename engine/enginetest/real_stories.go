package enginetest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/engine"
)

func stopSignal(t *testing.T, b *Body) {
	task := NewTask(t, b)
	c := task.Run("main", "wait")
	c.Prints("waiting")
	task.check(b.Engine.Signal(task.ctx(), c.id, ""))
	c.Exit(0)
	c.Prints("got SIGTERM")
}

func portsAnswer(t *testing.T, b *Body) {
	task := NewTask(t, b)
	network, err := b.Engine.Attach(task.ctx(), task.ID, []engine.Port{
		{Container: 8080, Protocol: "tcp"}, {Container: 8081, Protocol: "udp"},
	})
	task.check(err)
	task.Run("web", "serve", "8080", "hello from the web").Prints("serving")
	task.Run("echo", "echo", "8081").Prints("serving")
	for _, host := range append(hostAddresses(t), "127.0.0.1") {
		want(t, "answer on "+host, fetch(t, fmt.Sprintf("http://%s:%d/", host, network.Ports[0].Host)), "hello from the web")
		want(t, "echo on "+host, datagram(t, fmt.Sprintf("%s:%d", host, network.Ports[1].Host)), "ping")
	}
	want(t, "answer on the task's address", fetch(t, "http://"+network.Address+":8080/"), "hello from the web")

	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	other := NewTask(t, b)
	_, err = b.Engine.Attach(other.ctx(), other.ID, []engine.Port{{Container: 80, Host: port, Protocol: "tcp"}})
	wantError(t, err, engine.ErrPortInUse, strconv.Itoa(port), "process")
}

// hostAddresses are the machine's own, without loopback.
func hostAddresses(t *testing.T) []string {
	t.Helper()
	var own []string
	for _, a := range must(net.InterfaceAddrs())(t) {
		if ip := a.(*net.IPNet).IP; ip.To4() != nil && !ip.IsLoopback() {
			own = append(own, ip.String())
		}
	}
	return own
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer := must(client.Get(url))(t)
	defer answer.Body.Close()
	return string(must(io.ReadAll(answer.Body))(t))
}

func datagram(t *testing.T, address string) string {
	t.Helper()
	conn := must(net.Dial("udp", address))(t)
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	must(conn.Write([]byte("ping")))(t)
	buf := make([]byte, 16)
	return string(buf[:must(conn.Read(buf))(t)])
}

func sharedNetwork(t *testing.T, b *Body) {
	task := NewTask(t, b)
	task.Run("server", "serve", "8080", "next door")
	client := task.Run("client", "get", "http://127.0.0.1:8080/")
	client.Exit(0)
	want(t, "answer", client.Printed(), "next door\n")
}

func tasksReachEachOther(t *testing.T, b *Body) {
	server, client := NewTask(t, b), NewTask(t, b)
	network, err := b.Engine.Attach(server.ctx(), server.ID, []engine.Port{{Container: 8080, Protocol: "tcp"}})
	server.check(err)
	server.Run("server", "serve", "8080", "over the bridge")
	_, err = b.Engine.Attach(client.ctx(), client.ID, nil)
	client.check(err)
	for i, url := range []string{
		"http://" + network.Address + ":8080/",
		fmt.Sprintf("http://%s:%d/", hostAddresses(t)[0], network.Ports[0].Host),
	} {
		c := client.Run("client"+strconv.Itoa(i), "get", url)
		c.Exit(0)
		want(t, "answer of "+url, c.Printed(), "over the bridge\n")
	}
	self := server.Run("self", "get", fmt.Sprintf("http://%s:%d/", hostAddresses(t)[0], network.Ports[0].Host))
	self.Exit(0)
	want(t, "its own published port", self.Printed(), "over the bridge\n")
}

func contained(t *testing.T, b *Body) {
	task := NewTask(t, b)
	seen := task.Run("main", "show").Facts()
	want(t, "pid", seen.Pid, 1)
	for name, inside := range seen.Namespaces {
		outside := must(os.Readlink("/proc/thread-self/ns/" + name))(t)
		if name != "cgroup" && inside == outside {
			t.Errorf("the %s namespace is the machine's", name)
		}
	}
	want(t, "seccomp mode", seen.Status["Seccomp"], "2")
	want(t, "capabilities", seen.Status["CapBnd"], "00000000a80425fb")
	want(t, "ambient capabilities", seen.Status["CapAmb"], "0000000000000000")
	if !strings.HasPrefix(seen.Mounts["/"], "overlay ") {
		t.Errorf("root is on %q, want overlay", seen.Mounts["/"])
	}
	want(t, "hostname", seen.Hostname, task.ID[:16])

	tries := task.Run("tries", "try", "/proc/kcore", "then", "try", "/proc/sysrq-trigger", "then", "read", "/proc/keys")
	tries.Exit(0)
	if out := tries.Printed(); strings.Contains(out, "keyring") {
		t.Errorf("a masked file is open: %s", out)
	}
	write := task.Run("write", "write", "/proc/sys/kernel/hostname", "x")
	write.Exit(2)
	if out := write.Printed(); !strings.Contains(out, "read-only") {
		t.Errorf("writing a kernel setting: %q, want read-only", out)
	}
}

func overrides(t *testing.T, b *Body) {
	task := NewTask(t, b)
	spec := task.Spec("main", "show")
	spec.Env = []string{"COLOR=blue", "PATH=/bin"}
	spec.User = "app"
	spec.WorkingDir = "/work/deep"
	spec.Hostname = "somewhere"
	seen := task.RunSpec(spec).Facts()
	want(t, "uid", seen.UID, 1000)
	want(t, "gid", seen.GID, 1000)
	want(t, "in group extra", slices.Contains(seen.Groups, 2000), true)
	want(t, "dir", seen.Dir, "/work/deep")
	want(t, "hostname", seen.Hostname, "somewhere")
	want(t, "COLOR", slices.Contains(seen.Env, "COLOR=blue"), true)
	want(t, "PATH", slices.Contains(seen.Env, "PATH=/bin"), true)
	want(t, "HOME", slices.Contains(seen.Env, "HOME=/home/app"), true)
	want(t, "HOSTNAME", slices.Contains(seen.Env, "HOSTNAME=somewhere"), true)
	want(t, "effective capabilities", seen.Status["CapEff"], "0000000000000000")

	for user, wanted := range map[string][2]int{"1000": {1000, 1000}, "1234": {1234, 0}, "app:extra": {1000, 2000}, "7:8": {7, 8}} {
		spec := task.Spec("user"+strings.ReplaceAll(user, ":", "-"), "show")
		spec.User = user
		seen := task.RunSpec(spec).Facts()
		want(t, "ids of "+user, [2]int{seen.UID, seen.GID}, wanted)
	}

	spec = task.Spec("entry", "exit", "9") // an entrypoint of one's own drops the image's command
	spec.Entrypoint = []string{ProgramPath, "print", "mine", "then"}
	entry := task.RunSpec(spec)
	entry.Exit(9)
	want(t, "output", entry.Printed(), "mine\n")
}

func filesGiven(t *testing.T, b *Body) {
	task := NewTask(t, b)
	network, err := b.Engine.Attach(task.ctx(), task.ID, nil)
	task.check(err)
	spec := task.Spec("main", "read", "/given/secret", "then", "read", "/etc/hosts", "then", "read", "/etc/hostname",
		"then", "read", "/etc/resolv.conf", "then", "write", "/given/secret", "no")
	spec.Files = []engine.File{{Path: "/given/secret", Data: []byte("s3cret\n"), Mode: 0o400}}
	spec.Hostname = "named"
	c := task.RunSpec(spec)
	c.Exit(2)
	out := c.Printed()
	for _, part := range []string{"s3cret\n", "127.0.0.1\tlocalhost", network.Address + "\tnamed\n", "\nnamed\n", "nameserver ", "read-only"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
}
