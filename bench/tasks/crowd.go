package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"golang.org/x/sync/errgroup"

	"slipway/internal/loop"
)

// crowd is a way to start many containers at once.
type crowd struct {
	started, stopped rate

	start func(ctx context.Context, ids []string) error // returns when all run
	stop  func(ctx context.Context, ids []string) error // returns when none runs
	clear func(ctx context.Context, ids []string) error // takes away what is left of them
}

func (c *crowd) sample(ctx context.Context, size int) error {
	ids := make([]string, size)
	for i := range ids {
		ids[i] = "bench-" + rand.Text()
	}
	began := time.Now()
	err := c.start(ctx, ids)
	c.started.seen = append(c.started.seen, float64(size)/time.Since(began).Seconds())
	began = time.Now()
	err = errors.Join(err, c.stop(context.WithoutCancel(ctx), ids))
	c.stopped.seen = append(c.stopped.seen, float64(size)/time.Since(began).Seconds())
	return errors.Join(err, c.clear(context.WithoutCancel(ctx), ids))
}

// hands is how many commands of the peers run at a time: so many start most on a few cores.
const hands = 8

// each does something for every id with so many hands, also after it has failed for one: the others are
// to be taken away too.
func each(ctx context.Context, ids []string, f func(ctx context.Context, id string) error) error {
	var g errgroup.Group
	g.SetLimit(hands)
	for _, id := range ids {
		g.Go(func() error { return f(ctx, id) })
	}
	return g.Wait()
}

// crowds measures many containers at once on a node that is a process of its own.
func crowds(ctx context.Context, out io.Writer, p programs, dir string, size, rounds int) (err error) {
	s, err := startApart(ctx, p, filepath.Join(dir, "crowd"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.command(ctx, "push", p.rootfs, family); err != nil {
		return err
	}
	if _, err := s.task(ctx, "", family); err != nil {
		return err
	}
	ours := s.tasks()
	if err := s.printLoad(ctx, out, ours, min(size, 100)); err != nil {
		return err
	}
	all, err := s.crowdPeers(ctx, p, ours)
	if err != nil {
		return err
	}
	ours.started.seen, ours.stopped.seen = nil, nil // that was the warming up
	used := make([]time.Duration, len(s.processes()))
	for range rounds {
		for _, c := range all {
			meter, err := s.meter()
			if err != nil {
				return err
			}
			if err := c.sample(ctx, size); err != nil {
				return fmt.Errorf("%s: %w", c.started.name, err)
			}
			if c == ours {
				if err := meter(used); err != nil {
					return err
				}
			}
		}
	}
	printCrowds(out, size, all)
	fmt.Fprintf(out, "\n%-46s%16s\n", "Processor time per task, from start to end", "ms")
	for i, p := range s.processes() {
		fmt.Fprintf(out, "%-46s%16.2f\n", p.name, ms(used[i])/float64(size*rounds))
	}
	return nil
}

// meter begins to count the processor time of the processes, and gives back what adds it up.
func (s *slipway) meter() (add func(used []time.Duration) error, err error) {
	before := make([]time.Duration, len(s.processes()))
	for i, p := range s.processes() {
		if before[i], err = processorTime(p.pid); err != nil {
			return nil, err
		}
	}
	return func(used []time.Duration) error {
		for i, p := range s.processes() {
			now, err := processorTime(p.pid)
			if err != nil {
				return err
			}
			used[i] += now - before[i]
		}
		return nil
	}, nil
}

func printCrowds(out io.Writer, size int, all []*crowd) {
	var started, stopped []*rate
	for _, c := range all {
		started, stopped = append(started, &c.started), append(stopped, &c.stopped)
	}
	printRates(out, fmt.Sprintf("%d at once, until all run", size), started, started[1:]...)
	printRates(out, fmt.Sprintf("%d at once, until all have stopped", size), stopped, stopped[1:]...)
}

// printLoad tells what the processes hold with no tasks and with so many.
func (s *slipway) printLoad(ctx context.Context, out io.Writer, c *crowd, size int) error {
	if err := s.printMemory(ctx, out, "with no tasks"); err != nil {
		return err
	}
	start := c.start
	defer func() { c.start = start }()
	c.start = func(ctx context.Context, ids []string) error {
		if err := start(ctx, ids); err != nil {
			return err
		}
		return s.printMemory(ctx, out, fmt.Sprintf("with %d tasks", size))
	}
	return c.sample(ctx, size)
}

// tasks starts tasks by as few calls as can be.
func (s *slipway) tasks() *crowd {
	const most = 10 // tasks of a call of RunTask
	c := &crowd{started: rate{name: "RunTask to RUNNING"}, stopped: rate{name: "StopTask to STOPPED"}}
	var tasks []string
	c.start = func(ctx context.Context, ids []string) (err error) {
		tasks = nil
		for left := len(ids); left > 0; left -= most {
			out, err := s.ecs.RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: aws.String(family), Count: aws.Int32(int32(min(left, most)))})
			if err != nil {
				return err
			}
			for _, t := range out.Tasks {
				tasks = append(tasks, *t.TaskArn)
			}
			for _, f := range out.Failures {
				return fmt.Errorf("the node has no room for %d tasks: %s", len(ids), aws.ToString(f.Reason))
			}
		}
		return s.reachAll(ctx, tasks, "RUNNING")
	}
	c.stop = func(ctx context.Context, _ []string) error {
		err := each(ctx, tasks, func(ctx context.Context, task string) error {
			_, err := s.ecs.StopTask(ctx, &ecs.StopTaskInput{Task: &task})
			return err
		})
		return errors.Join(err, s.reachAll(ctx, tasks, "STOPPED"))
	}
	c.clear = func(ctx context.Context, _ []string) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return s.none(ctx, "slipway", "containers")
	}
	return c
}

// reachAll waits until all tasks are in a state; those that are there already are not asked for again.
func (s *slipway) reachAll(ctx context.Context, tasks []string, status string) error {
	const most = 100 // tasks of a call of DescribeTasks
	for len(tasks) > 0 {
		now := tasks[:min(len(tasks), most)]
		described, err := s.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Tasks: now})
		if err != nil {
			return err
		}
		var left []string
		for _, t := range described.Tasks {
			if *t.LastStatus == "STOPPED" && status != "STOPPED" {
				return fmt.Errorf("a task stopped: %s", aws.ToString(t.StoppedReason))
			}
			if *t.LastStatus != status {
				left = append(left, *t.TaskArn)
			}
		}
		tasks = append(left, tasks[len(now):]...)
		if len(left) > 0 {
			if err := loop.Pause(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// crowdPeers are ours and those that it is set beside.
func (s *slipway) crowdPeers(ctx context.Context, p programs, ours *crowd) ([]*crowd, error) {
	image, err := s.imageName(ctx)
	if err != nil {
		return nil, err
	}
	all := []*crowd{ours, s.ctrCrowd(image)}
	if p.docker == nil {
		return all, nil
	}
	return append(all, p.docker.crowd(family)), p.docker.load(ctx, p.rootfs)
}

func (s *slipway) ctrCrowd(image string) *crowd {
	command := func(args func(id string) []string) func(context.Context, []string) error {
		return func(ctx context.Context, ids []string) error {
			return each(ctx, ids, func(ctx context.Context, id string) error { return do(s.ctr(ctx, args(id)...)) })
		}
	}
	return &crowd{
		started: rate{name: "ctr run"}, stopped: rate{name: "ctr rm -f"},
		start: command(func(id string) []string { return s.ctrArgs(image, id) }),
		stop:  command(func(id string) []string { return []string{"tasks", "delete", "--force", id} }),
		clear: func(ctx context.Context, ids []string) error {
			return do(s.ctr(ctx, append([]string{"containers", "delete"}, ids...)...))
		},
	}
}

func (d *docker) crowd(image string) *crowd {
	return &crowd{
		started: rate{name: "docker run"}, stopped: rate{name: "docker stop"},
		start: func(ctx context.Context, ids []string) error {
			return each(ctx, ids, func(ctx context.Context, id string) error { return do(d.command(ctx, d.runArgs(image, id)...)) })
		},
		stop: func(ctx context.Context, ids []string) error {
			return do(d.command(ctx, append([]string{"stop"}, ids...)...))
		},
		clear: func(ctx context.Context, ids []string) error {
			return do(d.command(ctx, append([]string{"rm", "--force"}, ids...)...))
		},
	}
}
