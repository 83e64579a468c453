package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway/bench/machine"
)

// describe prints what the figures are to be read beside.
func describe(out io.Writer) {
	fmt.Fprintf(out, "command:     %s\n", strings.Join(append([]string{"go run ./bench/tasks"}, os.Args[1:]...), " "))
	fmt.Fprintf(out, "date:        %s\n", time.Now().UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "machine:     %s, %d cores, load %s\n", machine.CPU(), runtime.NumCPU(), machine.Load())
	fmt.Fprintf(out, "kernel:      %s\n", kernel())
	fmt.Fprintf(out, "containerd:  %s\n", firstLine("containerd", "--version"))
	fmt.Fprintf(out, "runc:        %s\n", firstLine("runc", "--version"))
	fmt.Fprintf(out, "dockerd:     %s\n", firstLine("dockerd", "--version"))
	fmt.Fprintf(out, "slipway:     %s, %s\n", firstLine("git", "describe", "--tags", "--always", "--dirty"), runtime.Version())
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// firstLine is the first that a program prints, or why it prints none.
func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// memory is what a process holds, in MB.
type memory struct {
	resident  float64
	anonymous float64 // of it: what is not the contents of files, such as of its program
}

func memoryOf(pid int) (m memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			m.resident = kib * 1024 / 1e6
		}
		if n, _ := fmt.Sscanf(line, "RssAnon: %f kB", &kib); n == 1 {
			m.anonymous = kib * 1024 / 1e6
		}
	}
	return m, nil
}

// processorTime is how long a process has had a core. Source: proc(5), /proc/pid/stat.
func processorTime(pid int) (time.Duration, error) {
	const tick = 10 * time.Millisecond // the kernel tells all programs so, whatever its own is
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // what comes before may hold anything
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is %q", pid, text)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}
