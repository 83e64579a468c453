package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lan is a network of machines: a network namespace each, on a bridge at whose head the control plane is.
type lan struct {
	t        testing.TB
	bridge   string
	prefix   string // "10.231.7."
	machines []string
}

// newLan makes so many machines, which are gone when the test ends.
func newLan(t testing.TB, machines int) *lan {
	t.Helper()
	needRoot(t)
	l := &lan{t: t}
	l.addBridge()
	t.Cleanup(l.remove)
	l.ip("addr", "add", l.head()+"/24", "dev", l.bridge)
	l.ip("link", "set", l.bridge, "up")
	for i := range machines {
		l.add(i)
	}
	return l
}

// addBridge makes a bridge, and with it takes a number that no other lan of this machine has.
func (l *lan) addBridge() {
	l.t.Helper()
	var said []byte
	for i := range lans {
		id := (os.Getpid() + i) % lans
		l.bridge, l.prefix = fmt.Sprintf("slwlan%d", id), fmt.Sprintf("10.231.%d.", id)
		var err error
		if said, err = exec.Command("ip", "link", "add", l.bridge, "type", "bridge").CombinedOutput(); err == nil {
			return
		}
	}
	l.t.Fatalf("no lan is to be had: %s", said)
}

// lans is how many there may be on a machine at a time.
const lans = 250

// head is the control plane's address.
func (l *lan) head() string { return l.prefix + "1" }

func (l *lan) add(i int) {
	name := fmt.Sprintf("%s-%d", l.bridge, i)
	l.machines = append(l.machines, name)
	l.ip("netns", "add", name)
	l.ip("link", "add", l.port(i), "type", "veth", "peer", "name", "eth0", "netns", name)
	l.ip("link", "set", l.port(i), "master", l.bridge, "up")
	l.ip("-n", name, "addr", "add", fmt.Sprintf("%s%d/24", l.prefix, i+2), "dev", "eth0")
	l.ip("-n", name, "link", "set", "lo", "up")
	l.ip("-n", name, "link", "set", "eth0", "up")
	l.ip("-n", name, "route", "add", "default", "via", l.head())
}

// port is the end of a machine's cable at the bridge.
func (l *lan) port(i int) string { return fmt.Sprintf("%sp%d", l.bridge, i) }

// cut pulls a machine's cable, mend puts it in again.
func (l *lan) cut(i int)  { l.ip("link", "set", l.port(i), "down") }
func (l *lan) mend(i int) { l.ip("link", "set", l.port(i), "up") }

func (l *lan) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (l *lan) remove() {
	for i, name := range l.machines {
		exec.Command("ip", "link", "del", l.port(i)).Run() // a namespace takes it along too, but some time after it was deleted
		exec.Command("ip", "netns", "del", name).Run()
	}
	exec.Command("ip", "link", "del", l.bridge).Run()
}

// startHead starts a control plane that takes machines of the lan in.
func (l *lan) startHead(args ...string) *cloud {
	l.t.Helper()
	nodes := freeAddress(l.t, l.head())
	c := launch(l.t, "server", filepath.Join(l.t.TempDir(), "data"), append(args, "--nodes", nodes)...)
	c.nodes = "https://" + nodes
	return c
}

// join has a machine join c as a node, by an invitation. When the test ends its tasks are stopped, and then it is.
func (l *lan) join(c *cloud, i int, invitation ...string) *agentProcess {
	l.t.Helper()
	data := l.t.TempDir()
	a := &agentProcess{t: l.t, data: data, log: &syncBuffer{}, machine: l.machines[i],
		args: []string{"agent", "--data", data, "--join", c.nodes, "--token", c.invite(invitation...)}}
	a.start()
	l.t.Cleanup(func() { c.endNode(data, a.end) })
	return a
}
