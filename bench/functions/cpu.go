package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc (proc(5)): a hundredth of a second on every Linux.
const tick = 10 * time.Millisecond

// spent is how much time of processors a process has used so far.
func spent(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0 // it has ended
	}
	user, _ := strconv.Atoi(string(fields[11]))
	system, _ := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system) * tick
}

// sandboxes is how much time of processors all that runs in a slipway's containers has used so far: what their cgroups
// have counted, with either version of cgroups.
func (s *slipway) sandboxes() (time.Duration, error) {
	socket, err := s.containerd()
	if err != nil {
		return 0, err
	}
	all := "slipway-" + filepath.Base(filepath.Dir(socket))
	if text, err := os.ReadFile(filepath.Join("/sys/fs/cgroup/cpuacct", all, "cpuacct.usage")); err == nil {
		nanos, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return time.Duration(nanos), err
	}
	text, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", all, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "usage_usec ")
	micros, _, _ := strings.Cut(rest, "\n")
	used, err := strconv.ParseInt(micros, 10, 64)
	return time.Duration(used) * time.Microsecond, err
}
