package containerd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"slipway/engine"
)

// limitAnew binds a cgroup that runs; what is zero binds nothing any more.
func (c cgroups) limitAnew(task string, l engine.Limits) error {
	settings := c.settings(l)
	if l.CPUQuota <= 0 && c.unified {
		settings = append(settings, setting{"cpu", "cpu.max", "max"})
	} else if l.CPUQuota <= 0 {
		settings = append(settings, setting{"cpu", "cpu.cfs_quota_us", "-1"})
	}
	write := func(s setting) error {
		return os.WriteFile(filepath.Join(c.tree(s.controller), c.prefix, task, s.file), []byte(s.value), 0o644)
	}
	var again []setting // memory must not be allowed more than memory and swap together, in between either
	for _, s := range settings {
		if write(s) != nil {
			again = append(again, s)
		}
	}
	var failed error
	for _, s := range again {
		failed = errors.Join(failed, write(s))
	}
	if failed != nil {
		return fmt.Errorf("limit %s: %w", task, failed)
	}
	return nil
}

// use counts by files that stay open.
type use struct {
	unified        bool
	cpu, peak, oom *os.File

	mu     sync.Mutex
	buffer [512]byte
}

// openUse opens the counters of a task, and of the cgroup of its processes.
func (c cgroups) openUse(task, key string) (*use, error) {
	at := func(controller string, more ...string) string {
		return filepath.Join(append([]string{c.tree(controller), c.prefix, task}, more...)...)
	}
	u := &use{unified: c.unified}
	cpu, peak, oom := filepath.Join(at("cpuacct"), "cpuacct.usage"), "memory.max_usage_in_bytes", "memory.oom_control"
	if c.unified {
		cpu, peak, oom = filepath.Join(at("cpu"), "cpu.stat"), "memory.peak", "memory.events"
	}
	var err, peakErr, oomErr error
	u.cpu, err = os.Open(cpu)
	u.peak, peakErr = os.OpenFile(filepath.Join(at("memory"), peak), os.O_RDWR, 0)
	if peakErr != nil { // older kernels have one that can only be read, or none
		u.peak, peakErr = os.Open(filepath.Join(at("memory"), peak))
	} else {
		_, _ = u.peak.WriteString("0") // begin anew: kernels that cannot say so
	}
	if errors.Is(peakErr, os.ErrNotExist) {
		peakErr = nil
	}
	u.oom, oomErr = os.Open(filepath.Join(at("memory", key), oom))
	if err = errors.Join(err, peakErr, oomErr); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

func (u *use) Read() (used engine.Used) {
	u.mu.Lock()
	defer u.mu.Unlock()
	cpu := u.read(u.cpu)
	if u.unified {
		used.CPU = time.Duration(valueOf(cpu, "usage_usec ")) * time.Microsecond
	} else {
		used.CPU = time.Duration(firstNumber(cpu))
	}
	used.MemoryPeak = firstNumber(u.read(u.peak))
	return used
}

func (u *use) OOMKills() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return int(valueOf(u.read(u.oom), "oom_kill "))
}

// read gives nothing where the cgroup has gone. It asks once: os.File would ask again whether that was all, and the kernel
// counts all of it each time.
func (u *use) read(f *os.File) []byte {
	if f == nil {
		return nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	n := 0
	_ = raw.Control(func(fd uintptr) { n, _ = unix.Pread(int(fd), u.buffer[:], 0) })
	return u.buffer[:max(n, 0)]
}

// valueOf is the number of a line that begins with a name.
func valueOf(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		if rest, is := bytes.CutPrefix(line, []byte(name)); is {
			return firstNumber(rest)
		}
	}
	return 0
}

func firstNumber(text []byte) int64 {
	end := bytes.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	n, _ := strconv.ParseInt(string(text[:end]), 10, 64)
	return n
}

func (u *use) Close() {
	for _, f := range []*os.File{u.cpu, u.peak, u.oom} {
		if f != nil {
			f.Close()
		}
	}
}
