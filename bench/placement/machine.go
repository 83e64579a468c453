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

	"slipway/bench/machine"
)

// describe prints what the figures are to be read beside.
func describe(out io.Writer) {
	fmt.Fprintf(out, "command:  %s\n", strings.Join(append([]string{"go run ./bench/placement"}, os.Args[1:]...), " "))
	fmt.Fprintf(out, "date:     %s\n", time.Now().UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "machine:  %s, %d cores, load %s\n", machine.CPU(), runtime.NumCPU(), machine.Load())
	fmt.Fprintf(out, "slipway:  %s, %s\n", version(), runtime.Version())
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
