package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"slipway/cluster"
	"slipway/nodeapi"
)

// measure places the tasks of a row in a new database, and then has as many rows put into another.
func measure(ctx context.Context, s *source, p plan, machines int, k kind) (r result, err error) {
	err = s.with(ctx, machines, func(f *fleet) error { return f.race(ctx, p, k, &r) })
	if err != nil {
		return r, err
	}
	err = s.with(ctx, machines, func(f *fleet) (err error) {
		r.floor, err = f.floor(ctx, p.tasks, machines)
		return err
	})
	return r, err
}

// with lends a fleet in a database of its own.
func (s *source) with(ctx context.Context, machines int, use func(*fleet) error) (err error) {
	url, err := s.next(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.drop(context.WithoutCancel(ctx))) }()
	f, err := newFleet(ctx, url, machines)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.db.Close()) }()
	return use(f)
}

// race has the callers ask for all tasks, and measures how long that takes.
func (f *fleet) race(ctx context.Context, p plan, k kind, r *result) error {
	if _, err := f.RunTask(ctx, account, cluster.Run{Cluster: "default", Definition: f.web, Count: 1}); err != nil {
		return err // with this one the books are read, and statements prepared
	}
	e := &ender{f: f}
	if k.ends {
		e.start(ctx)
	}
	began, busy := time.Now(), processorTime()
	took, err := f.call(ctx, p, k, e)
	if err = errors.Join(err, e.wait()); err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	r.rate, r.ends, r.took = float64(len(took)*p.count)/seconds, float64(e.ended.Load())/seconds, took
	r.processor = float64((processorTime() - busy).Microseconds()) / float64(len(took)*p.count)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.heap = float64(m.HeapInuse) / 1e6
	return nil
}

// call has callers ask for tasks until all are asked for, and returns how long each call took.
func (f *fleet) call(ctx context.Context, p plan, k kind, e *ender) (took []time.Duration, err error) {
	var next atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	calls := int64((p.tasks + p.count - 1) / p.count)
	for range p.callers {
		all.Go(func() {
			for n := next.Add(1); n <= calls; n = next.Add(1) {
				began := time.Now()
				failed := f.one(ctx, p, k, n, e)
				mu.Lock()
				took, err = append(took, time.Since(began)), errors.Join(err, failed)
				stop := err != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	all.Wait()
	return took, err
}

// one is one call.
func (f *fleet) one(ctx context.Context, p plan, k kind, n int64, e *ender) error {
	run := cluster.Run{Cluster: "default", Definition: f.web, Count: p.count, Constraints: k.constraints, Strategies: k.strategies}
	want := p.count
	if k.tooMuch > 0 && n%int64(k.tooMuch) == 0 {
		run.Definition, want = f.big, 0
	}
	started, err := f.RunTask(ctx, account, run)
	if err == nil && len(started.Tasks) != want {
		err = fmt.Errorf("%d tasks are placed, not %d: %v", len(started.Tasks), want, started.Refused)
	}
	e.take(started.Tasks)
	return err
}

// reporters is how many machines tell at once what became of their tasks.
const reporters = 512

// ender ends tasks as their nodes would: it tells that they have stopped.
type ender struct {
	f       *fleet
	tasks   chan cluster.Task
	all     sync.WaitGroup
	ended   atomic.Int64
	failure atomic.Pointer[error]
}

func (e *ender) start(ctx context.Context) {
	e.tasks = make(chan cluster.Task, 1<<20)
	for range reporters {
		e.all.Go(func() {
			for t := range e.tasks {
				if _, err := e.f.Report(ctx, nodeapi.Report{Node: t.Node, Tasks: []nodeapi.TaskReport{over(t)}}); err != nil {
					e.failure.Store(&err)
				}
				e.ended.Add(1)
			}
		})
	}
}

// over says that a task has stopped because its container has.
func over(t cluster.Task) nodeapi.TaskReport {
	return nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Stopped, StopCode: "EssentialContainerExited", StopReason: "Essential container in task exited", StoppedAt: time.Now(),
		Containers: []nodeapi.ContainerReport{{Name: "web", Status: nodeapi.Stopped, ExitCode: new(0)}}}
}

func (e *ender) take(tasks []cluster.Task) {
	if e.tasks == nil {
		return
	}
	for _, t := range tasks {
		e.tasks <- t
	}
}

func (e *ender) wait() error {
	if e.tasks == nil {
		return nil
	}
	close(e.tasks)
	e.all.Wait()
	if failure := e.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}
