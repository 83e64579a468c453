// Command tasks measures tasks beside the same containers of ctr, runc and docker, on a Slipway of its
// own in a temporary folder:
//
//	boot   how long Slipway takes until it is ready, and its memory
//	start  from RunTask to RUNNING with the image on the machine
//	print  how fast what a container prints is in its log
//	pull   from RunTask to RUNNING with the image in the registry alone
//	crowd  many tasks at once on a node that is a process of its own; what a task costs there
//
//	go run ./bench/tasks
//	go run ./bench/tasks -only start,pull -n 5 -pulls 2
//
// It runs as root, and takes away all that it has made. What it is measured beside takes turns with it
// in the same run, for figures of different runs do not compare. It judges nothing.
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

	"slipway/internal/loop"
)

// plan is what to measure.
type plan struct {
	rounds, lives, pulls, crowd, crowds, prints, mb int

	only string // tables
}

func readPlan() (p plan) {
	flag.IntVar(&p.rounds, "n", 20, "start: how many containers of each kind are started")
	flag.IntVar(&p.lives, "lives", 5, "boot: how often Slipway is started on a new data folder, and again on an old one")
	flag.IntVar(&p.pulls, "pulls", 5, "pull: how often each image is pulled and started by each kind")
	flag.IntVar(&p.crowd, "crowd", 200, "crowd: how many containers are started at once")
	flag.IntVar(&p.crowds, "crowds", 1, "crowd: how often so many are")
	flag.IntVar(&p.mb, "mb", 100, "print: how many MB a container prints")
	flag.IntVar(&p.prints, "prints", 3, "print: how many containers of each kind do")
	flag.StringVar(&p.only, "only", "boot,start,print,pull,crowd", "tables to measure")
	flag.Parse()
	return p
}

func (p plan) has(table string) bool { return slices.Contains(strings.Split(p.only, ","), table) }

func main() {
	p := readPlan()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, p); err != nil {
		fmt.Fprintln(os.Stderr, "bench/tasks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, plan plan) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("only root can run containers")
	}
	if min(plan.rounds, plan.lives, plan.pulls, plan.crowd, plan.crowds, plan.prints, plan.mb) < 1 {
		return errors.New("all numbers are at least 1")
	}
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	describe(out)
	p, err := compile(ctx, dir)
	if err != nil {
		return err
	}
	if p.docker, err = startDocker(ctx, filepath.Join(dir, "docker")); err != nil {
		fmt.Fprintf(out, "\nno rows of docker: %v\n", err)
	} else {
		defer func() { err = errors.Join(err, p.docker.stop()) }()
	}
	return tables(ctx, out, p, dir, plan)
}

// tables measures what the plan names.
func tables(ctx context.Context, out io.Writer, p programs, dir string, plan plan) error {
	if plan.has("boot") {
		if err := startups(ctx, out, p, dir, plan.lives); err != nil {
			return err
		}
	}
	if plan.has("start") || plan.has("print") {
		if err := starts(ctx, out, p, filepath.Join(dir, "data"), plan); err != nil {
			return err
		}
	}
	if plan.has("pull") {
		if err := pulls(ctx, out, p, dir, plan.pulls); err != nil {
			return err
		}
	}
	if plan.has("crowd") {
		return crowds(ctx, out, p, dir, plan.crowd, plan.crowds)
	}
	return nil
}

// programs are what is measured, built from this tree.
type programs struct {
	slipway string
	docker  *docker // nil: it does not run here
	rootfs  string  // a folder with the program that containers run, and nothing else
}

const waiter = "/waiter" // in the root of its image

func compile(ctx context.Context, dir string) (p programs, err error) {
	p = programs{slipway: filepath.Join(dir, "slipway"), rootfs: filepath.Join(dir, "image")}
	if err := os.Mkdir(p.rootfs, 0o755); err != nil {
		return p, err
	}
	for out, source := range map[string]string{p.slipway: "slipway/cmd/slipway", p.rootfs + waiter: "slipway/bench/tasks/waiter"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", out, source) // as "make build" does
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

// starts measures a Slipway on which nothing else goes on.
func starts(ctx context.Context, out io.Writer, p programs, data string, plan plan) (err error) {
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
	if plan.has("start") {
		if err := interleave(ctx, plan.rounds, kinds); err != nil {
			return err
		}
		printTable(out, "To a running container, the image being here", kinds, peers...)
	}
	if plan.has("print") {
		if err := floods(ctx, out, p, s, plan.mb, plan.prints); err != nil {
			return err
		}
	}
	return s.printMemory(ctx, out, "after all these tasks")
}

// printMemory tells what the processes hold when they have been left alone for a while.
func (s *slipway) printMemory(ctx context.Context, out io.Writer, when string) error {
	if err := loop.Pause(ctx, 5*time.Second); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-46s%16s%20s\n", "Memory when idle, "+when, "resident MB", "of it anonymous")
	for _, p := range s.processes() {
		m, err := memoryOf(p.pid)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-46s%16.1f%20.1f\n", p.name, m.resident, m.anonymous)
	}
	return nil
}
