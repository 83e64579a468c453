package containerd

import (
	"os"
	"path/filepath"
	"testing"

	"slipway/engine"
)

// The files of both versions are written in a folder that looks like the kernel's.
func TestTaskLimits(t *testing.T) {
	limits := engine.Limits{CPUShares: 1024, CPUQuota: 50_000, MemoryLimit: 64 << 20}
	for name, c := range map[string]struct {
		unified bool
		want    map[string]string
	}{
		"version 1": {false, map[string]string{
			"memory/slipway-x/task/memory.limit_in_bytes":       "67108864",
			"memory/slipway-x/task/memory.memsw.limit_in_bytes": "67108864",
			"cpu,cpuacct/slipway-x/task/cpu.cfs_quota_us":       "50000",
			"cpu,cpuacct/slipway-x/task/cpu.cfs_period_us":      "100000",
			"cpu,cpuacct/slipway-x/task/cpu.shares":             "1024",
		}},
		"version 2": {true, map[string]string{
			"slipway-x/task/memory.max":        "67108864",
			"slipway-x/task/cpu.max":           "50000 100000",
			"slipway-x/task/cpu.weight":        "39",
			"slipway-x/cgroup.subtree_control": "+pids",
			"cgroup.subtree_control":           "+pids",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			tree := cgroups{trees: []string{root}, unified: true, prefix: "slipway-x"}
			if !c.unified {
				memory, cpu := filepath.Join(root, "memory"), filepath.Join(root, "cpu,cpuacct")
				tree = cgroups{trees: []string{cpu, memory}, prefix: "slipway-x"}
				write(t, filepath.Join(memory, "memory.memsw.limit_in_bytes"), "")
			}
			if err := tree.limit("task", limits); err != nil {
				t.Fatal(err)
			}
			for file, want := range c.want {
				if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(got) != want {
					t.Errorf("%s holds %q (%v), want %q", file, got, err, want)
				}
			}
		})
	}
}

func TestMemoryKillsAreCounted(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "slipway-x/task/main/memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
	write(t, filepath.Join(root, "memory/slipway-x/task/main/memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
	for want, tree := range map[int]cgroups{
		2: {trees: []string{root}, unified: true, prefix: "slipway-x"},
		1: {trees: []string{filepath.Join(root, "memory")}, prefix: "slipway-x"},
	} {
		if got := tree.oomKills("task", "main"); got != want {
			t.Errorf("%d kills, want %d", got, want)
		}
		if got := tree.oomKills("task", "gone"); got != 0 {
			t.Errorf("%d kills in a cgroup that is gone", got)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
