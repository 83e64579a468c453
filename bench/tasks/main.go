// Command tasks measures how long a task takes from RunTask to RUNNING, beside the same image
// started by ctr and by runc; and what a Slipway costs that has nothing to do: the time until
// it is ready, and memory.
//
//	go run ./bench/tasks
//
// It runs as root, on a Slipway of its own in a temporary folder, and takes away all that it
// has made. It judges nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("n", 30, "how many containers of each kind are started")
	lives := flag.Int("lives", 5, "how often Slipway is started on a new data folder, and again on an old one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *rounds, *lives); err != nil {
		fmt.Fprintln(os.Stderr, "bench/tasks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, rounds, lives int) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("only root can run containers")
	}
	if rounds < 1 || lives < 1 {
		return errors.New("-n and -lives are at least 1")
	}
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	describe(out, rounds, lives)
	programs, err := compile(ctx, dir)
	if err != nil {
		return err
	}
	if err := startups(ctx, out, programs, dir, lives); err != nil {
		return err
	}
	return starts(ctx, out, programs, filepath.Join(dir, "data"), rounds)
}

// programs are what is measured, built from this tree.
type programs struct {
	slipway string
	rootfs  string // a folder with the program that containers run, and nothing else
}

const waiter = "/waiter" // in the root of its image

func compile(ctx context.Context, dir string) (p programs, err error) {
	p = programs{slipway: filepath.Join(dir, "slipway"), rootfs: filepath.Join(dir, "image")}
	if err := os.Mkdir(p.rootfs, 0o755); err != nil {
		return p, err
	}
	for out, source := range map[string]string{p.slipway: "slipway/cmd/slipway", p.rootfs + waiter: "slipway/bench/tasks/waiter"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			return p, fmt.Errorf("%s: %w: %s", build, err, said)
		}
	}
	return p, nil
}

// startups starts Slipway on new data folders and on one that it has had before.
func startups(ctx context.Context, out io.Writer, p programs, dir string, lives int) error {
	kinds := []*kind{
		{name: "new data folder, to /readyz"}, {name: "new data folder, to a node that takes tasks"},
		{name: "same folder again, to /readyz"}, {name: "same folder again, to a node that takes tasks"},
	}
	for i := range lives {
		data := filepath.Join(dir, fmt.Sprintf("life-%d", i))
		for again := range 2 {
			life, err := startSlipway(ctx, p, data)
			if err != nil {
				return err
			}
			kinds[2*again].took = append(kinds[2*again].took, life.ready)
			kinds[2*again+1].took = append(kinds[2*again+1].took, life.joined)
			if err := life.stop(); err != nil {
				return err
			}
		}
	}
	printTable(out, "From exec to ready", kinds)
	return nil
}

// starts interleaves the kinds, so that what else the machine does is shared by all.
func starts(ctx context.Context, out io.Writer, p programs, data string, rounds int) (err error) {
	s, err := startSlipway(ctx, p, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.printMemory(ctx, out, "as it started"); err != nil {
		return err
	}
	kinds, peers, err := contenders(ctx, p, s)
	if err != nil {
		return err
	}
	for round := range rounds + 1 {
		for _, k := range kinds {
			if err := k.sample(ctx, round > 0); err != nil { // the first warms up
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	printTable(out, "To a running container, the image being here", kinds, peers...)
	return s.printMemory(ctx, out, "after all these tasks")
}

// printMemory tells what Slipway and its containerd hold when they have been left alone for a while.
func (s *slipway) printMemory(ctx context.Context, out io.Writer, when string) error {
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-46s%16s%20s\n", "Memory when idle, "+when, "resident MB", "of it anonymous")
	for _, p := range []struct {
		name string
		pid  int
	}{{"control plane and node", s.cmd.Process.Pid}, {"its containerd", s.containerd}} {
		m, err := memoryOf(p.pid)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-46s%16.1f%20.1f\n", p.name, m.resident, m.anonymous)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
