package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// describe prints what the figures are to be read beside.
func describe(out io.Writer, rounds, lives int) {
	fmt.Fprintf(out, "command:     go run ./bench/tasks -n %d -lives %d\n", rounds, lives)
	fmt.Fprintf(out, "date:        %s\n", time.Now().UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "machine:     %s, %d cores, load %s\n", cpuModel(), runtime.NumCPU(), load())
	fmt.Fprintf(out, "kernel:      %s\n", kernel())
	fmt.Fprintf(out, "containerd:  %s\n", firstLine("containerd", "--version"))
	fmt.Fprintf(out, "runc:        %s\n", firstLine("runc", "--version"))
	fmt.Fprintf(out, "slipway:     %s, %s\n", firstLine("git", "describe", "--tags", "--always", "--dirty"), runtime.Version())
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
