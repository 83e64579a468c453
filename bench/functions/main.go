// Command functions measures calls of a function on a Slipway of its own in a temporary folder, beside plain HTTP to
// the same handler, and beside ctr and runc, which start the same program:
//
//	warm   calls with 1, 16 and 64 clients: directly, through the signed API, and through a URL
//	cold   the first call of a function, by phase, with a sandbox of the pool and without
//	start  sandboxes that are made ready in a second
//
//	go run ./bench/functions
//	go run ./bench/functions -only warm -rounds 9 -seconds 10s
//
// It runs as root, and takes away all that it has made. The client (wrk) is on the same machine and has its part of it,
// and so has what else the machine does: CPU is what Slipway itself uses for a call, which changes less. What is set
// beside each other is measured in turns in one run, for figures of different runs do not compare. It judges nothing.
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
	"slices"
	"strings"
	"syscall"
	"time"

	"slipway/bench/machine"
)

// plan is what to measure.
type plan struct {
	rounds, colds, starts int
	seconds               time.Duration
	clients, only         string // how many call at a time, and tables
}

func readPlan() (p plan) {
	flag.IntVar(&p.rounds, "rounds", 3, "warm: how often each is measured; medians count")
	flag.DurationVar(&p.seconds, "seconds", 2*time.Second, "warm: for how long so many clients call, in whole seconds")
	flag.StringVar(&p.clients, "clients", "64,16,1", "warm: how many clients call at a time")
	flag.IntVar(&p.colds, "colds", 10, "cold: how many first calls of each kind are made")
	flag.IntVar(&p.starts, "starts", 40, "start: how many sandboxes are made ready at once")
	flag.StringVar(&p.only, "only", "warm,cold,start", "tables to measure")
	flag.Parse()
	return p
}

func (p plan) has(table string) bool { return slices.Contains(strings.Split(p.only, ","), table) }

func main() {
	p := readPlan()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, p); err != nil {
		fmt.Fprintln(os.Stderr, "bench/functions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, p plan) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("only root can run containers")
	}
	if min(p.rounds, p.colds, p.starts) < 1 || p.seconds < time.Second {
		return errors.New("all numbers are at least 1")
	}
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintf(out, "%s, load %s\n", machine.CPU(), machine.Load())
	if err := compile(ctx, dir); err != nil {
		return err
	}
	s, err := startSlipway(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return tables(ctx, out, s, p)
}

// tables measures what the plan names.
func tables(ctx context.Context, out io.Writer, s *slipway, p plan) error {
	for _, table := range []struct {
		name    string
		measure func(context.Context, io.Writer, *slipway, plan) error
	}{{"warm", warm}, {"cold", colds}, {"start", starts}} {
		if !p.has(table.name) {
			continue
		}
		if err := table.measure(ctx, out, s, p); err != nil {
			return fmt.Errorf("%s: %w", table.name, err)
		}
	}
	return nil
}

const handler = "bootstrap" // as functions without a runtime's own handler are named

// compile builds Slipway from this tree, and the handler into a folder of its own.
func compile(ctx context.Context, dir string) error {
	for out, of := range map[string]string{"slipway": "./cmd/slipway", "root/" + handler: "./bench/functions/handler"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", filepath.Join(dir, out), of) // as "make build" does
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if err := do(build); err != nil {
			return err
		}
	}
	return nil
}

// do runs a program that has nothing to tell but why it fails.
func do(cmd *exec.Cmd) error {
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(string(said)))
	}
	return nil
}
