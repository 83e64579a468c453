package containerd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// What a process that was killed has left is taken away, whatever still runs of it.
func TestHeldContainersOfAFormerLife(t *testing.T) {
	m := newHeldMachine(t)
	h, err := m.e.Hold(t.Context(), m.spec())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Run(t.Context(), engine.Program{Entrypoint: []string{enginetest.ProgramPath}, Command: []string{"stubborn"}}); err != nil {
		t.Fatal(err)
	}
	if err := m.e.DropHeld(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range h.Ended() {
	}
	for _, dir := range []string{m.e.heldData(), m.e.heldRuns(), m.e.heldRunc()} {
		left, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) || len(left) > 0 {
			t.Errorf("in %s: %v, %v", dir, left, err)
		}
	}
	if err := h.End(t.Context()); err != nil { // of whom all is gone already
		t.Error(err)
	}
	if err := m.e.DropHeld(t.Context()); err != nil {
		t.Error(err)
	}
}

// Held containers are no tasks, and their image stays as long as they do.
func TestHeldContainersAreNoTasks(t *testing.T) {
	m := newHeldMachine(t)
	h := m.hold(m.spec())
	tasks, err := m.e.Tasks(t.Context())
	if err != nil || len(tasks) > 0 {
		t.Errorf("tasks are %q, %v", tasks, err)
	}
	list, err := m.e.List(t.Context())
	if err != nil || len(list) > 0 {
		t.Errorf("containers are %v, %v", list, err)
	}
	images, err := m.e.Images(t.Context())
	if err != nil || len(images) != 1 || !images[0].InUse {
		t.Fatalf("images are %+v, %v", images, err)
	}
	if err := m.e.RemoveImage(t.Context(), m.image.Digest, images[0].UsedAt); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("its image is removed: %v", err)
	}
	if err := h.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.e.RemoveImage(t.Context(), m.image.Digest, images[0].UsedAt); err != nil {
		t.Errorf("its image is not removed: %v", err)
	}
	if _, err := m.e.Hold(t.Context(), m.spec()); err == nil {
		t.Error("an image that is gone is held")
	}
}

func TestHeldContainersAreLimitedAnew(t *testing.T) {
	m := newHeldMachine(t)
	h := m.hold(m.spec())
	use, err := h.Use()
	if err != nil {
		t.Fatal(err)
	}
	defer use.Close()
	if end, _ := m.runs(h, "eat", "100"); end.Signal != "killed" || use.OOMKills() != 1 {
		t.Errorf("with 64 MiB it ended with %+v, %+v", end, use.Read())
	}
	for _, l := range []engine.Limits{{MemoryLimit: 256 << 20, CPUQuota: 50_000, CPUShares: 100}, {MemoryLimit: 512 << 20}, {MemoryLimit: 256 << 20, CPUShares: 2000}} {
		if err := h.Limit(l); err != nil {
			t.Fatal(err)
		}
	}
	if quota, shares := m.cpuOf(h); quota != -1 || shares != 2000 {
		t.Errorf("without a hard limit: %d, %d", quota, shares)
	}
	end, _ := m.runs(h, "eat", "100")
	used := use.Read()
	if end.Code != 0 || use.OOMKills() != 1 || used.MemoryPeak < 100<<20 || used.MemoryPeak > 256<<20 || used.CPU <= 0 {
		t.Errorf("with 256 MiB it ended with %+v, and used %+v", end, used)
	}
	if err := h.Limit(engine.Limits{CPUQuota: 50_000, CPUShares: 512}); err != nil { // one of eight GiB, of four cores
		t.Error(err)
	}
	if quota, shares := m.cpuOf(h); quota != 50_000 || shares != 512 {
		t.Errorf("with a hard limit: %d, %d", quota, shares)
	}
}

// cpuOf reads back how a held container's cpu is bound: microseconds in 100 ms, -1 for no limit, and its weight.
func (m *heldMachine) cpuOf(h engine.Held) (quota, shares int64) {
	m.t.Helper()
	cpu := m.e.cgroups.group("cpu", []string{filepath.Base(filepath.Dir(h.Output()))})
	if !m.e.cgroups.unified {
		return cpu.count("cpu.cfs_quota_us"), cpu.count("cpu.shares")
	}
	text, err := os.ReadFile(filepath.Join(string(cpu), "cpu.max"))
	if err != nil {
		m.t.Fatal(err)
	}
	if quota = parseCount(strings.Fields(string(text))[0]); quota == 0 {
		quota = -1
	}
	for _, shares := range []int64{512, 2000} {
		if weightOfShares(uint64(shares)) == uint64(cpu.count("cpu.weight")) {
			return quota, shares
		}
	}
	return quota, 0
}

// A port of a held container's own 127.0.0.1 is nobody else's.
func TestHeldContainersReachTheirListenerAlone(t *testing.T) {
	m := newHeldMachine(t)
	h, other := m.hold(m.spec()), m.hold(m.spec())
	l, err := h.Listen(t.Context(), 9001)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			line, err := l.Accept()
			if err != nil {
				return
			}
			line.Close()
		}
	}()
	line, err := h.Dial(t.Context(), 9001)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	if _, err := line.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("its own: %v", err)
	}
	if line, err := other.Dial(t.Context(), 9001); err == nil {
		line.Close()
		t.Error("another's is reached")
	}
	if line, err := net.Dial("tcp", "127.0.0.1:9001"); err == nil {
		line.Close()
		t.Error("it is the machine's as well")
	}
	if h.Address() == other.Address() {
		t.Errorf("both have address %s", h.Address())
	}
}

// By IPv6, for which there are no packet rules, there is nothing but loopback.
func TestHeldContainersHaveNoIPv6(t *testing.T) {
	m := newHeldMachine(t)
	h := m.hold(m.spec())
	err := within(h.(*held).namespace(), func() error {
		addresses, err := os.ReadFile("/proc/thread-self/net/if_inet6")
		if err == nil && strings.Contains(string(addresses), "eth0") {
			t.Errorf("its addresses are\n%s", addresses)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Links of an image lead nowhere else.
func TestExecutablesAreTheContainersOwn(t *testing.T) {
	m := newHeldMachine(t)
	h := m.hold(m.spec())
	for _, dir := range []string{"/out", "/up", "/../../../../../../../bin", "/no/such", "/etc/passwd"} {
		for _, name := range h.Executables(dir) {
			if name != "program" {
				t.Errorf("%s has %s", dir, name)
			}
		}
	}
	if err := h.Mount(t.Context(), []engine.HeldMount{{Sources: []string{filepath.Join(t.TempDir(), "none")}, Path: "/opt"}}); err == nil {
		t.Error("what is not there is shown")
	}
	if err := h.Mount(t.Context(), []engine.HeldMount{{Sources: []string{t.TempDir()}, Path: "/none"}}); err == nil || !strings.Contains(err.Error(), "/none") {
		t.Errorf("it is shown nowhere: %v", err)
	}
}

func TestHeldContainersThatCannotBeMade(t *testing.T) {
	m := newHeldMachine(t)
	for name, change := range map[string]func(*engine.HeldSpec){
		"root":       func(s *engine.HeldSpec) { s.User = "0:0" },
		"no user":    func(s *engine.HeldSpec) { s.User = "nobody-has-this-name" },
		"no id":      func(s *engine.HeldSpec) { s.ID = "../x" },
		"no memory":  func(s *engine.HeldSpec) { s.Limits.MemoryLimit = 1 << 20 },
		"no scratch": func(s *engine.HeldSpec) { s.Scratch = 1 << 10 },
	} {
		s := m.spec()
		change(&s)
		if h, err := m.e.Hold(context.Background(), s); err == nil {
			h.End(context.Background())
			t.Errorf("%s: it is made", name)
		} else if !errors.Is(err, engine.ErrCreate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
