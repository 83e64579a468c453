package endpoint

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"slipway/engine"
)

// sampleTime is how far two looks at a container lie apart at least for one to be compared with the other.
const sampleTime = time.Second

// userHz is in how many parts of a second /proc/stat counts. Source: proc(5).
const userHz = 100

// noLimit stands for none, as the kernel writes it.
const noLimit = math.MaxInt64 &^ 4095

// sample is what was seen of a container the last two times.
type sample struct{ before, last usage }

// usage is what a container has used by some time, and all of the machine with it.
type usage struct {
	engine.Stats
	machine time.Duration // of processor time, all cores together
}

// next takes a new look, and gives the one to compare it with.
func (s *sample) next(u usage) (before usage) {
	if u.CPU < s.last.CPU {
		*s = sample{} // it was started anew
	}
	if u.Read.Sub(s.last.Read) >= sampleTime {
		s.before = s.last
	}
	s.last = u
	return s.before
}

// dockerStats are the statistics of a container as Docker words them, as far as they are known here. Source: Docker
// Engine API, ContainerStats; Amazon ECS Developer Guide, "Amazon ECS task metadata v4 examples".
type dockerStats struct {
	Read     time.Time           `json:"read"`
	PreRead  time.Time           `json:"preread"`
	Pids     pidsStats           `json:"pids_stats"`
	Blocks   blockStats          `json:"blkio_stats"`
	CPU      cpuStats            `json:"cpu_stats"`
	PreCPU   cpuStats            `json:"precpu_stats"`
	Memory   memoryStats         `json:"memory_stats"`
	Name     string              `json:"name"`
	ID       string              `json:"id"`
	Networks map[string]netStats `json:"networks,omitempty"`
	NetRate  *netRate            `json:"network_rate_stats,omitempty"`
}

type pidsStats struct {
	Current int64 `json:"current,omitempty"`
}

type blockStats struct {
	Bytes []blockEntry `json:"io_service_bytes_recursive"`
}

type blockEntry struct {
	Op    string `json:"op"`
	Value int64  `json:"value"`
}

type cpuStats struct {
	Usage struct {
		Total  int64 `json:"total_usage"` // nanoseconds, as are all here
		Kernel int64 `json:"usage_in_kernelmode"`
		User   int64 `json:"usage_in_usermode"`
	} `json:"cpu_usage"`
	System     int64 `json:"system_cpu_usage,omitempty"`
	Online     int   `json:"online_cpus,omitempty"`
	Throttling struct {
		Time int64 `json:"throttled_time"`
	} `json:"throttling_data"`
}

type memoryStats struct {
	Usage int64            `json:"usage"`
	Max   int64            `json:"max_usage,omitempty"`
	Parts map[string]int64 `json:"stats"`
	Limit int64            `json:"limit,omitempty"`
}

type netStats struct {
	Received int64 `json:"rx_bytes"`
	Sent     int64 `json:"tx_bytes"`
}

type netRate struct {
	Received float64 `json:"rx_bytes_per_sec"`
	Sent     float64 `json:"tx_bytes_per_sec"`
}

// statsOfAll are the statistics of a task's containers, by their ids; null is one that does not run.
func (s *Server) statsOfAll(ctx context.Context, t *task, known TaskMetadata) map[string]*dockerStats {
	all := map[string]*dockerStats{}
	for _, c := range known.Containers {
		all[c.DockerID] = s.statsOf(ctx, t, c)
	}
	return all
}

// statsOf are the statistics of a container; nil where it does not run.
func (s *Server) statsOf(ctx context.Context, t *task, c ContainerMetadata) *dockerStats {
	seen, err := s.config.Stats(ctx, c.DockerID)
	if err != nil {
		slog.Debug("no statistics of a container", "container", c.DockerID, "error", err)
		return nil
	}
	now := usage{seen, machineTime()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.samples[c.DockerID] == nil {
		t.samples[c.DockerID] = &sample{}
	}
	return told(c, now, t.samples[c.DockerID].next(now))
}

func told(c ContainerMetadata, now, before usage) *dockerStats {
	d := &dockerStats{
		Name: c.DockerName, ID: c.DockerID, Read: now.Read, PreRead: before.Read, Pids: pidsStats{now.Pids},
		Blocks: blockStats{[]blockEntry{{"Read", now.BlockRead}, {"Write", now.BlockWritten}, {"Total", now.BlockRead + now.BlockWritten}}},
		CPU:    cpuOf(now),
		Memory: memoryOf(now.Stats),
	}
	if !before.Read.IsZero() {
		d.PreCPU = cpuOf(before)
	}
	if shared(c) {
		return d // what goes over the machine's network is not the task's alone
	}
	d.Networks = map[string]netStats{"eth0": {now.Received, now.Sent}}
	if seconds := now.Read.Sub(before.Read).Seconds(); !before.Read.IsZero() && seconds > 0 {
		d.NetRate = &netRate{float64(now.Received-before.Received) / seconds, float64(now.Sent-before.Sent) / seconds}
	}
	return d
}

// shared tells of a container that it has no network of its task's own.
func shared(c ContainerMetadata) bool {
	return len(c.Networks) > 0 && len(c.Networks[0].IPv4Addresses) == 0
}

func cpuOf(u usage) (c cpuStats) {
	c.Usage.Total, c.Usage.Kernel, c.Usage.User = int64(u.CPU), int64(u.CPUSystem), int64(u.CPU-u.CPUSystem)
	c.System, c.Online = int64(u.machine), runtime.NumCPU()
	c.Throttling.Time = int64(u.Throttled)
	return c
}

func memoryOf(s engine.Stats) memoryStats {
	return memoryStats{
		Usage: s.Memory, Max: s.MemoryPeak, Limit: cmp.Or(s.MemoryLimit, noLimit),
		Parts: map[string]int64{"cache": s.MemoryCache, "inactive_file": s.MemoryCache, "rss": s.Memory - s.MemoryCache},
	}
}

// machineTime is the processor time that the machine has had since it was started, all cores together, idle or
// not; 0 where it can not be told.
func machineTime() (sum time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if err != nil || len(fields) < 8 || fields[0] != "cpu" {
		return 0
	}
	for _, f := range fields[1:8] { // what is beyond is counted among these already
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		sum += time.Duration(n) * time.Second / userHz
	}
	return sum
}
