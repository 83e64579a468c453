package containerd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/engine"
	"slipway/internal/ids"
)

// spareOf waits until a network is at hand, and tells what it is.
func spareOf(t *testing.T, e *Engine) attachment {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		e.network.mu.Lock()
		name := e.network.spare
		e.network.mu.Unlock()
		if name == "" {
			continue
		}
		a, err := e.network.read(name)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	t.Fatal("no network comes to be at hand")
	return attachment{}
}

func prepareAndAttach(t *testing.T, e *Engine, task string, ports ...engine.Port) engine.Network {
	t.Helper()
	if _, err := e.Prepare(t.Context(), task, engine.Group{}); err != nil {
		t.Fatal(err)
	}
	return attach(t, e, task, ports...)
}

// A network that was plugged in ahead becomes a task's, and goes with it.
func TestASpareBecomesATasks(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	for _, ports := range [][]engine.Port{nil, {{Container: 80, Protocol: "tcp"}}} {
		spare, task := spareOf(t, e), ids.Hex(16)
		if tasks, err := e.Tasks(t.Context()); len(tasks) != 0 || err != nil {
			t.Errorf("a network at hand is told as a task: %v (%v)", tasks, err)
		}
		first := prepareAndAttach(t, e, task, ports...)
		if first.Address != spare.Address || len(first.Ports) != len(ports) {
			t.Errorf("attached as %+v, want it with the address %s that was at hand", first, spare.Address)
		}
		other := ids.Hex(16)
		if second := prepareAndAttach(t, e, other); second.Address == first.Address {
			t.Errorf("two tasks have the address %s", first.Address)
		}
		for _, id := range []string{task, other} {
			if err := e.Detach(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		e.network.wantSpare()
	}
}

// Ports of udp need a plugin that the spare was made without.
func TestASpareIsPluggedAnewForUDP(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	spareOf(t, e)
	task := ids.Hex(16)
	n := prepareAndAttach(t, e, task, engine.Port{Container: 53, Protocol: "udp"})
	if len(n.Ports) != 1 || n.Ports[0].Host == 0 || n.Address == "" {
		t.Errorf("attached as %+v", n)
	}
	rules, err := iptables(t.Context(), "nat", "-S")
	if rule := fmt.Sprintf("-p udp -m udp --dport %d", n.Ports[0].Host); err != nil || !strings.Contains(rules, rule) {
		t.Errorf("no rule %q leads to the task (%v):\n%s", rule, err, rules)
	}
}

// An engine that dies between giving a task the spare and attaching it leaves it to the next.
func TestAnAdoptedSpareOutlivesTheEngine(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	spare, task := spareOf(t, e), ids.Hex(16)
	if _, err := e.Prepare(t.Context(), task, engine.Group{}); err != nil {
		t.Fatal(err)
	}
	e = m.start()
	if n := attach(t, e, task); n.Address != spare.Address {
		t.Errorf("attached as %+v, want it with the address %s that it was prepared with", n, spare.Address)
	}
	if err := e.Detach(t.Context(), task); err != nil {
		t.Fatal(err)
	}
}
