// Command placement measures how many tasks a second get a machine and are on disk, over machines that are rows and
// nothing more, in a database of its own:
//
//	plain          machines are chosen by chance
//	zones          tasks are spread over three zones
//	member         a constraint leaves one machine of three
//	unschedulable  every fourth call asks for more than any machine has
//	churn          tasks end as fast as others start
//
//	go run ./bench/placement
//	go run ./bench/placement -db sqlite -machines 1000 -kinds plain,churn -tasks 20000
//	go run ./bench/placement -million
//
// "cpu us" is what a task costs this process of a core, SQLite with it and PostgreSQL apart: it says less of what else
// the machine was doing.
//
// Beside each row stands the floor, measured in the same run: the same rows of tasks and events, put into an equal
// database by one writer, a thousand to a transaction, with nothing decided and nothing checked. It judges nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slipway/cluster/placement"
)

// plan is what to measure.
type plan struct {
	databases []string
	machines  []int
	kinds     []string
	tasks     int // placed for a row
	callers   int
	count     int // tasks a call asks for
	million   bool
	profile   string
}

func readPlan() (p plan, err error) {
	databases := flag.String("db", "sqlite,postgres", "databases to measure")
	machines := flag.String("machines", "500,1000,5000,10000", "how many machines there are")
	kinds := flag.String("kinds", "plain,zones,member,unschedulable,churn", "what is asked for")
	flag.IntVar(&p.tasks, "tasks", 30_000, "how many tasks are asked for in a row")
	flag.IntVar(&p.callers, "callers", 64, "how many call at once")
	flag.IntVar(&p.count, "count", 10, "how many tasks a call asks for")
	flag.BoolVar(&p.million, "million", false, "place a million tasks on 5,000 machines, and nothing else")
	flag.StringVar(&p.profile, "profile", "", "file to write a profile of the processor's time to")
	flag.Parse()
	p.databases, p.kinds = strings.Split(*databases, ","), strings.Split(*kinds, ",")
	for word := range strings.SplitSeq(*machines, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return p, fmt.Errorf("-machines: %q is not a number above 0", word)
		}
		p.machines = append(p.machines, n)
	}
	if p.million {
		p.machines, p.kinds, p.tasks = []int{5000}, []string{"plain"}, 1_000_000
	}
	if p.tasks < 1 || p.callers < 1 || p.count < 1 || p.count > 10 {
		return p, errors.New("-tasks and -callers are above 0, and -count is 1 to 10")
	}
	return p, nil
}

// kinds are what is asked for, by name.
var kinds = map[string]kind{
	"plain":         {},
	"zones":         {strategies: []placement.Strategy{{Type: placement.Spread, Field: "attribute:zone"}}},
	"member":        {constraints: []placement.Constraint{{Type: placement.MemberOf, Expression: "attribute:zone == a"}}},
	"unschedulable": {tooMuch: 4},
	"churn":         {ends: true},
}

type kind struct {
	constraints []placement.Constraint
	strategies  []placement.Strategy
	tooMuch     int  // every so manieth call can be met by no machine; 0: none
	ends        bool // tasks end as others start
}

func main() {
	p, err := readPlan()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err == nil {
		err = profiled(p.profile, func() error { return run(ctx, os.Stdout, p) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/placement:", err)
		os.Exit(1)
	}
}

// profiled does something and writes down where the time goes, if there is a file for that.
func profiled(file string, do func() error) error {
	if file == "" {
		return do()
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return do()
}

func run(ctx context.Context, out io.Writer, p plan) (err error) {
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	describe(out)
	for _, name := range p.databases {
		if err := measureAll(ctx, out, p, dir, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// measureAll prints the rows of one kind of database.
func measureAll(ctx context.Context, out io.Writer, p plan, dir, name string) (err error) {
	source, err := openSource(dir, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	fmt.Fprintf(out, "\n%-9s%9s %-14s%10s%10s%10s%10s%10s%10s%10s%8s\n", name, "machines", "kind", "tasks/s", "ends/s", "p50 ms", "p99 ms", "cpu us", "heap MB", "floor/s", "share")
	for _, n := range p.machines {
		for _, what := range p.kinds {
			if _, ok := kinds[what]; !ok {
				return fmt.Errorf("-kinds: there is no %q", what)
			}
			r, err := measure(ctx, source, p, n, kinds[what])
			if err != nil {
				return fmt.Errorf("%s on %d machines: %w", what, n, err)
			}
			fmt.Fprintf(out, "%-9s%9d %-14s%10.0f%10.0f%10.1f%10.1f%10.1f%10.1f%10.0f%7.0f%%\n", "", n, what, r.rate, r.ends,
				r.quantile(50), r.quantile(99), r.processor, r.heap, r.floor, 100*r.rate/r.floor)
		}
	}
	return nil
}

// result is a row.
type result struct {
	rate, ends float64 // a second
	took       []time.Duration
	processor  float64 // microseconds of a core for a task, but for what PostgreSQL does
	heap       float64 // MB that are in use once all is placed
	floor      float64
}

// quantile is in how many milliseconds so many percent of the calls were answered.
func (r result) quantile(percent int) float64 {
	slices.Sort(r.took)
	return r.took[(len(r.took)-1)*percent/100].Seconds() * 1000
}
