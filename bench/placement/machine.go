package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// describe prints what the figures are to be read beside.
func describe(out io.Writer) {
	fmt.Fprintf(out, "command:  %s\n", strings.Join(append([]string{"go run ./bench/placement"}, os.Args[1:]...), " "))
	fmt.Fprintf(out, "date:     %s\n", time.Now().UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "machine:  %s, %d cores, load %s\n", cpuModel(), runtime.NumCPU(), load())
	fmt.Fprintf(out, "slipway:  %s, %s\n", version(), runtime.Version())
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func load() string {
	averages, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(averages), " ")
	return first
}

func version() string {
	out, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(out))
}

// processorTime is how long this process has had a core.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0 // it cannot fail for a process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
