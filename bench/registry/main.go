// Command registry measures pushes and pulls of layers through HTTP beside Debian's
// docker-registry, both as processes of their own, in turns, on the same disk.
//
//	go run ./bench/registry
//
// The client is the same for both and as light as can be, so that what differs is the
// server. Digests are computed before the clock starts, and pulled bytes are thrown away.
// It judges nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/registry:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	describe(out)
	if err := compare(ctx, out, dir); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "\nMedians. A ratio above 1 means that Slipway is faster. Push: POST, PATCH, PUT of a layer that nobody has. Pull: GET of it.")
	return err
}

// describe prints what the figures are to be read beside.
func describe(out io.Writer) {
	fmt.Fprintf(out, "command:          go run ./bench/registry\n")
	fmt.Fprintf(out, "date:             %s\n", time.Now().UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "machine:          %s, %d cores, load %s\n", fact("/proc/cpuinfo", "model name"), runtime.NumCPU(), fact("/proc/loadavg", ""))
	fmt.Fprintf(out, "memory:           %s\n", fact("/proc/meminfo", "MemTotal"))
	fmt.Fprintf(out, "kernel:           %s\n", fact("/proc/sys/kernel/osrelease", ""))
	version, err := exec.Command("docker-registry", "--version").Output()
	if err != nil {
		version = []byte(err.Error())
	}
	fmt.Fprintf(out, "docker-registry:  %s\n\n", strings.TrimSpace(string(version)))
}

// fact is what a file of /proc says after a key, or all that it says.
func fact(path, key string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, key) {
			_, value, found := strings.Cut(line, ":")
			if key == "" || !found {
				value = line
			}
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
