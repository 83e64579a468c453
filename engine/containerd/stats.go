package containerd

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"slipway/engine"
)

// Stats reads the container's cgroup and the counters of its network.
func (e *Engine) Stats(ctx context.Context, id string) (engine.Stats, error) {
	c, err := e.see(e.context(ctx), id)
	if err != nil {
		return engine.Stats{}, told("stats of "+id, err)
	}
	if c.State != engine.Running {
		return engine.Stats{}, fmt.Errorf("%w: %s does not run", engine.ErrNotFound, id)
	}
	s := e.cgroups.stats(c.Task, e.attempt(id).key)
	s.Read = time.Now()
	if s.MemoryLimit == 0 {
		s.MemoryLimit = e.cgroups.memoryLimit(c.Task)
	}
	if ownNetwork(c.Pid) {
		s.Received, s.Sent = traffic(c.Pid)
	}
	return s, nil
}

// ownNetwork says that a process is in another network than the machine's.
func ownNetwork(pid int) bool {
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	ours, ourErr := os.Readlink("/proc/thread-self/ns/net")
	return err == nil && ourErr == nil && theirs != ours
}

// traffic sums the interfaces that a process sees, but for loopback. Source: proc_pid_net(5), net/dev.
func traffic(pid int) (received, sent int64) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	for line := range strings.Lines(string(data)) {
		name, counters, is := strings.Cut(line, ":")
		if words := strings.Fields(counters); is && len(words) > 8 && strings.TrimSpace(name) != "lo" {
			received += parseCount(words[0])
			sent += parseCount(words[8])
		}
	}
	return received, sent
}

// stats are a container's numbers in its cgroup; what the kernel does not count is 0.
func (c cgroups) stats(names ...string) engine.Stats {
	if c.unified {
		return c.group("memory", names).unifiedStats()
	}
	cpu, memory, blocks := c.group("cpuacct", names), c.group("memory", names), c.group("blkio", names)
	detail, usage := memory.table("memory.stat"), cpu.table("cpuacct.stat")
	s := engine.Stats{
		CPU:         time.Duration(cpu.count("cpuacct.usage")),
		CPUSystem:   time.Duration(usage["system"]) * (time.Second / ticks),
		Throttled:   time.Duration(c.group("cpu", names).table("cpu.stat")["throttled_time"]),
		Memory:      memory.count("memory.usage_in_bytes"),
		MemoryCache: detail["total_inactive_file"] + detail["total_active_file"],
		MemoryPeak:  memory.count("memory.max_usage_in_bytes"),
		MemoryLimit: c.memoryLimit(names...),
		Pids:        c.group("pids", names).count("pids.current"),
	}
	s.BlockRead, s.BlockWritten = blocks.transfers("blkio.throttle.io_service_bytes_recursive")
	return s
}

const ticks = 100 // in a second of user space's clock, on every Linux that Go runs on

func (g group) unifiedStats() engine.Stats {
	cpu, detail := g.table("cpu.stat"), g.table("memory.stat")
	s := engine.Stats{
		CPU:         time.Duration(cpu["usage_usec"]) * time.Microsecond,
		CPUSystem:   time.Duration(cpu["system_usec"]) * time.Microsecond,
		Throttled:   time.Duration(cpu["throttled_usec"]) * time.Microsecond,
		Memory:      g.count("memory.current"),
		MemoryCache: detail["inactive_file"] + detail["active_file"],
		MemoryPeak:  g.count("memory.peak"),
		MemoryLimit: g.count("memory.max"), // "max" is no number
		Pids:        g.count("pids.current"),
	}
	for words := range g.rows("io.stat") {
		for _, word := range words[1:] {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "rbytes":
				s.BlockRead += parseCount(value)
			case "wbytes":
				s.BlockWritten += parseCount(value)
			}
		}
	}
	return s
}

// memoryLimit is 0 where there is none.
func (c cgroups) memoryLimit(names ...string) int64 {
	if c.unified {
		return c.group("memory", names).count("memory.max")
	}
	const unlimited = 1 << 60 // the kernel's word is the largest multiple of a page
	if limit := c.group("memory", names).count("memory.limit_in_bytes"); limit < unlimited {
		return limit
	}
	return 0
}

// group is the folder of a cgroup for a controller.
type group string

func (c cgroups) group(controller string, names []string) group {
	return group(filepath.Join(append([]string{c.tree(controller), c.prefix}, names...)...))
}

func (g group) count(file string) int64 {
	data, _ := os.ReadFile(filepath.Join(string(g), file))
	return parseCount(strings.TrimSpace(string(data)))
}

// rows are the lines of a file as words, those that have more than one.
func (g group) rows(file string) func(yield func([]string) bool) {
	data, _ := os.ReadFile(filepath.Join(string(g), file))
	return func(yield func([]string) bool) {
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			if words := strings.Fields(lines.Text()); len(words) > 1 && !yield(words) {
				return
			}
		}
	}
}

// table is a file of names with numbers.
func (g group) table(file string) map[string]int64 {
	all := map[string]int64{}
	for words := range g.rows(file) {
		all[words[0]] = parseCount(words[1])
	}
	return all
}

// transfers reads lines such as "8:0 Read 4096".
func (g group) transfers(file string) (read, written int64) {
	for words := range g.rows(file) {
		switch {
		case len(words) != 3:
		case words[1] == "Read":
			read += parseCount(words[2])
		case words[1] == "Write":
			written += parseCount(words[2])
		}
	}
	return read, written
}

// parseCount gives 0 for what is no number.
func parseCount(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
