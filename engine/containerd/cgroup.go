package containerd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway/engine"
)

const cgroupRoot = "/sys/fs/cgroup"

// cgroups is the machine's tree of cgroups, version 1 (one tree for each controller, as on
// hybrid machines) or 2, and our place in it: <prefix>/<task>/<container>.
type cgroups struct {
	trees   []string // mount points; one for version 2
	unified bool
	prefix  string
}

func findCgroups(root, prefix string) cgroups {
	var at unix.Statfs_t
	if err := unix.Statfs(root, &at); err == nil && at.Type == unix.CGROUP2_SUPER_MAGIC {
		return cgroups{trees: []string{root}, unified: true, prefix: prefix}
	}
	c := cgroups{prefix: prefix}
	entries, _ := os.ReadDir(root) // none: then runc says what is wrong
	for _, entry := range entries {
		if entry.IsDir() { // the rest are links to them
			c.trees = append(c.trees, filepath.Join(root, entry.Name()))
		}
	}
	return c
}

// path is where runc puts a container.
func (c cgroups) path(task, key string) string { return path.Join("/", c.prefix, task, key) }

// tree is the mount point of a controller, or "" where the kernel has none.
func (c cgroups) tree(controller string) string {
	if c.unified {
		return c.trees[0]
	}
	for _, tree := range c.trees {
		for name := range strings.SplitSeq(filepath.Base(tree), ",") {
			if name == controller {
				return tree
			}
		}
	}
	return ""
}

// swapLimited says whether the kernel can limit swap.
func (c cgroups) swapLimited() bool {
	if c.unified {
		swaps, _ := os.ReadFile("/proc/swaps")
		return strings.Count(string(swaps), "\n") > 1 // the root has no memory.swap.max to look at
	}
	_, err := os.Stat(filepath.Join(c.tree("memory"), "memory.memsw.limit_in_bytes"))
	return err == nil
}

// setting is one file of a cgroup and what is written to it.
type setting struct{ controller, file, value string }

func (c cgroups) settings(l engine.Limits) []setting {
	var all []setting
	add := func(controller, file string, value any) {
		all = append(all, setting{controller, file, fmt.Sprint(value)})
	}
	switch {
	case l.MemoryLimit > 0 && c.unified:
		add("memory", "memory.max", l.MemoryLimit)
		if c.swapLimited() {
			add("memory", "memory.swap.max", 0)
		}
	case l.MemoryLimit > 0:
		add("memory", "memory.limit_in_bytes", l.MemoryLimit)
		if c.swapLimited() {
			add("memory", "memory.memsw.limit_in_bytes", l.MemoryLimit)
		}
	}
	switch {
	case l.CPUQuota > 0 && c.unified:
		add("cpu", "cpu.max", fmt.Sprintf("%d %d", l.CPUQuota, cpuPeriod))
	case l.CPUQuota > 0:
		add("cpu", "cpu.cfs_period_us", cpuPeriod)
		add("cpu", "cpu.cfs_quota_us", l.CPUQuota)
	}
	switch {
	case l.CPUShares > 0 && c.unified:
		add("cpu", "cpu.weight", weightOfShares(l.CPUShares))
	case l.CPUShares > 0:
		add("cpu", "cpu.shares", max(2, l.CPUShares))
	}
	return all
}

// weightOfShares maps 2..262144 to 1..10000, as runc does for containers.
func weightOfShares(shares uint64) uint64 {
	shares = min(max(shares, 2), 262144)
	return 1 + (shares-2)*9999/262142
}

// limit makes the cgroup of a task and binds it.
func (c cgroups) limit(task string, l engine.Limits) error {
	for _, s := range c.settings(l) {
		tree := c.tree(s.controller)
		if tree == "" {
			return fmt.Errorf("the kernel has no cgroup controller %q, which limits a task", s.controller)
		}
		if c.unified {
			c.delegate(tree)
		}
		dir := filepath.Join(tree, c.prefix, task)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if c.unified {
			c.delegate(filepath.Join(tree, c.prefix))
		}
		if err := os.WriteFile(filepath.Join(dir, s.file), []byte(s.value), 0o644); err != nil {
			return fmt.Errorf("limit task %s: %w", task, err)
		}
	}
	return nil
}

// delegate lets the children of a cgroup have controllers. What cannot be had shows at the limit.
func (c cgroups) delegate(dir string) {
	for _, controller := range []string{"cpu", "memory", "pids"} {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

// containers tells the keys of all that have a cgroup in any tree, and their tasks. No key begins with a dot.
func (c cgroups) containers() map[string]string {
	found := map[string]string{}
	for _, tree := range c.trees {
		for _, task := range foldersIn(filepath.Join(tree, c.prefix)) {
			for _, key := range foldersIn(filepath.Join(tree, c.prefix, task)) {
				if !strings.HasPrefix(key, ".") {
					found[key] = task
				}
			}
		}
	}
	return found
}

// foldersIn gives their names; none where there is no such place any more.
func foldersIn(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}

// removeEmpty takes away a task's cgroups where no container has one in them.
func (c cgroups) removeEmpty(task string) {
	for _, tree := range c.trees {
		_ = unix.Rmdir(filepath.Join(tree, c.prefix, task)) // the kernel says which are empty
	}
}

// oomKills counts the processes of a container that the kernel killed for want of memory.
func (c cgroups) oomKills(task, key string) int {
	file := "memory.oom_control"
	if c.unified {
		file = "memory.events"
	}
	data, _ := os.ReadFile(filepath.Join(c.tree("memory"), c.prefix, task, key, file)) // gone: unknown
	for line := range strings.Lines(string(data)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(count))
			return n
		}
	}
	return 0
}

// remove takes away a task's cgroups, or one container's, with whatever still runs in them.
func (c cgroups) remove(names ...string) error {
	var failed error
	for _, tree := range c.trees {
		dir := filepath.Join(append([]string{tree, c.prefix}, names...)...)
		failed = errors.Join(failed, removeTree(dir))
	}
	return failed
}

// removeTree removes a cgroup from its leaves up.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	killAll(dir)
	return retryBusy(func() error { return unix.Rmdir(dir) })
}

// killAll ends what a lost container may have left.
func killAll(dir string) {
	for _, pid := range processesIn(dir) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// processesIn are the processes of a cgroup, but never this one: a thread of ours is in that of a holder for
// a moment, and version 1 tells it by its process.
func processesIn(dir string) []int {
	procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	var pids []int
	for word := range strings.FieldsSeq(string(procs)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 && pid != os.Getpid() { // 0: one that we cannot see
			pids = append(pids, pid)
		}
	}
	return pids
}
