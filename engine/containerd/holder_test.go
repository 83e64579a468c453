package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/ids"
)

// A holder has nothing of the machine's that somebody who traces it could use, and costs next to nothing.
func TestHolderIsNothing(t *testing.T) {
	need(t)
	c := findCgroups(cgroupRoot, "slipway-test-"+ids.Hex(6))
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Error(err)
		}
	})
	pid, err := c.startHolder(filepath.Join(t.TempDir(), "empty"), "task", taskHolder)
	if err != nil {
		t.Fatal(err)
	}
	if found := c.processes("task", taskHolder); len(found) != 1 || found[0] != pid {
		t.Errorf("its cgroup has %v, want %d", found, pid)
	}
	at := func(name string) string { return filepath.Join("/proc", fmt.Sprint(pid), name) }
	for _, kind := range []string{"pid_for_children", "mnt", "net", "ipc", "uts", "cgroup"} {
		theirs, err := os.Readlink(at("ns/" + kind))
		if ours, _ := os.Readlink("/proc/thread-self/ns/" + kind); err != nil || theirs == ours {
			t.Errorf("its %s namespace is the machine's (%v)", kind, err)
		}
	}
	status, err := os.ReadFile(at("status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Uid:\t65534\t65534\t65534\t65534", "Groups:\t \n", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), line) {
			t.Errorf("no %q in:\n%s", line, status)
		}
	}
	root, err := os.ReadDir(at("root"))
	if err != nil || len(root) != 1 || root[0].Name() != "pause" {
		t.Errorf("its root holds %v (%v)", root, err)
	}
	if mounts, err := os.ReadFile(at("mounts")); err != nil || strings.Count(string(mounts), "\n") != 1 {
		t.Errorf("it sees the mounts (%v)\n%s", err, mounts)
	}
	if files, err := os.ReadDir(at("fd")); err != nil || len(files) != 0 {
		t.Errorf("it has files open: %v (%v)", files, err)
	}
	if used := c.stats("task", taskHolder).Memory; used > 1<<20 { // the kernel charges by many pages at once
		t.Errorf("it uses %d bytes", used)
	}
}
