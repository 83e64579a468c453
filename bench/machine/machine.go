// Package machine tells which machine the figures of a benchmark were measured on.
package machine

import (
	"os"
	"runtime"
	"strings"
)

// CPU is the model of the machine's processor, or its architecture where the kernel names none.
func CPU() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// Load is how many programs ran or waited to run, on average over the last minute.
func Load() string {
	averages, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(averages), " ")
	return first
}
