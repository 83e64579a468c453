package containerd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"slipway/engine"
	"slipway/internal/ids"
)

func TestManyTasksAttachAtOnce(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	const count = 24
	networks := make([]engine.Network, count)
	var attaching sync.WaitGroup
	for i := range count {
		attaching.Go(func() {
			var err error
			networks[i], err = e.Attach(t.Context(), ids.Hex(16), []engine.Port{{Container: 80, Protocol: "tcp"}, {Container: 80, Protocol: "udp"}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	attaching.Wait()
	addresses, ports := map[string]bool{}, map[engine.Port]bool{}
	for _, n := range networks {
		addresses[n.Address] = true
		for _, p := range n.Ports {
			ports[p] = true
		}
	}
	if len(addresses) != count || len(ports) != 2*count {
		t.Errorf("%d addresses and %d ports for %d tasks with 2 ports each", len(addresses), len(ports), count)
	}
}

// What was attached is known to the next engine: it tells the same, and gives none of it twice.
func TestAttachmentsOutliveTheEngine(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task, other := ids.Hex(16), ids.Hex(16)
	before := attach(t, e, task, engine.Port{Container: 80, Protocol: "tcp"})

	e = m.start()
	if after := attach(t, e, task, engine.Port{Container: 80, Protocol: "tcp"}); after.Address != before.Address || after.Ports[0] != before.Ports[0] {
		t.Errorf("attached as %+v, then as %+v", before, after)
	}
	_, err := e.Attach(t.Context(), other, []engine.Port{before.Ports[0]})
	if !errors.Is(err, engine.ErrPortInUse) {
		t.Errorf("a held port is given again: %v", err)
	}
	if next := attach(t, e, other); next.Address == before.Address {
		t.Errorf("two tasks have the address %s", next.Address)
	}
}

func attach(t *testing.T, e *Engine, task string, ports ...engine.Port) engine.Network {
	t.Helper()
	n, err := e.Attach(t.Context(), task, ports)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An attempt that was cut off after the plugins had run is undone and made anew.
func TestHalfAnAttachmentIsMadeAnew(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := ids.Hex(16)
	first := attach(t, e, task, engine.Port{Container: 80, Protocol: "tcp"}, engine.Port{Container: 53, Protocol: "udp"})
	if err := e.network.write(task, attachment{Ports: first.Ports}); err != nil { // as it was before the last step
		t.Fatal(err)
	}
	e = m.start()
	attach(t, e, task, engine.Port{Container: 80, Protocol: "tcp"})
	if err := e.Detach(t.Context(), task); err != nil {
		t.Fatal(err)
	}
}

// A boot ends namespaces, addresses and rules; files in /run may be there still.
func TestFormerBootIsForgotten(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	task := ids.Hex(16)
	attach(t, e, task)
	if err := e.Detach(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	m.stop()
	stale := filepath.Join(e.tasksDir(), "stale")
	if err := os.MkdirAll(stale, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(e.run, "boot"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	tasks, err := m.start().Tasks(t.Context())
	if err != nil || len(tasks) != 0 {
		t.Errorf("tasks of a former boot: %v (%v)", tasks, err)
	}
}

func TestCancelledAttachLeavesNothing(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	task := ids.Hex(16)
	if _, err := e.Attach(ctx, task, []engine.Port{{Container: 80, Protocol: "tcp"}}); err == nil {
		t.Fatal("attached without a context")
	}
	attach(t, e, task, engine.Port{Container: 80, Protocol: "tcp"})
}

func TestBadNamesAndPorts(t *testing.T) {
	e := newMachine(t).start()
	for _, task := range []string{"", "../up", "a/b", "a b"} {
		if _, err := e.Prepare(t.Context(), task, engine.Group{}); !errors.Is(err, engine.ErrCreate) {
			t.Errorf("prepared task %q: %v", task, err)
		}
	}
	for _, p := range []engine.Port{{Container: 0, Protocol: "tcp"}, {Container: 70000, Protocol: "tcp"}, {Container: 1, Host: -1, Protocol: "tcp"}, {Container: 1, Protocol: "sctp"}} {
		if _, err := e.Attach(t.Context(), ids.Hex(16), []engine.Port{p}); !errors.Is(err, engine.ErrCreate) {
			t.Errorf("attached port %+v: %v", p, err)
		}
	}
	twice := engine.Port{Container: 1, Host: 40001, Protocol: "tcp"}
	if _, err := e.Attach(t.Context(), ids.Hex(16), []engine.Port{twice, twice}); !errors.Is(err, engine.ErrPortInUse) {
		t.Errorf("attached a port twice: %v", err)
	}
}
