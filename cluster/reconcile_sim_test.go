package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// storm is a service to which anything may happen, looked after by servers that die at any line.
type storm struct {
	keeping
	dice  *rand.Rand
	nodes []*clustertest.Node
	spec  cluster.ServiceSpec // as the bounds are now
	step  int
}

// fuse is a context that is over at some line of what it is given to.
type fuse struct {
	context.Context
	left atomic.Int64
	cut  context.CancelFunc
}

func (f *fuse) Done() <-chan struct{} {
	if f.left.Add(-1) == 0 {
		f.cut()
	}
	return f.Context.Done()
}

func (f *fuse) Err() error {
	if f.left.Add(-1) == 0 {
		f.cut()
	}
	return f.Context.Err()
}

func lit(ctx context.Context, lines int) *fuse {
	ctx, cut := context.WithCancel(ctx)
	f := &fuse{Context: ctx, cut: cut}
	f.left.Store(int64(lines))
	return f
}

// TestServicesThroughAStorm: whatever happens, and wherever servers die, no pass goes above the maximum or stops
// healthy tasks below the minimum, and in the end the service is what it should be.
func TestServicesThroughAStorm(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				s := &storm{keeping: newKeeping(t, db, nil), dice: rand.New(rand.NewPCG(seed, 0))}
				s.blow(map[string]int{"sqlite": 150, "postgres": 40}[db.Dialect()])
			})
		})
	}
}

func (s *storm) blow(steps int) {
	ref := s.register("web", web())
	for _, name := range []byte("abc") {
		s.nodes = append(s.nodes, s.join(name, 1024, 1024))
	}
	n := service("web", ref, 4)
	s.serve(n)
	s.spec = n.ServiceSpec
	for s.step = range steps {
		s.happens()
		s.look()
	}
	s.calm()
}

// happens does something that may happen.
func (s *storm) happens() {
	switch s.dice.IntN(12) {
	case 0:
		s.change(cluster.ServiceUpdate{Force: true})
	case 1:
		s.spec.Desired = s.dice.IntN(6)
		s.change(cluster.ServiceUpdate{Desired: &s.spec.Desired})
	case 2:
		s.spec.MinPercent, s.spec.MaxPercent = s.dice.IntN(101), 101+s.dice.IntN(120)
		s.change(cluster.ServiceUpdate{MinPercent: &s.spec.MinPercent, MaxPercent: &s.spec.MaxPercent})
	case 3, 4: // a task dies
		s.report(func(t cluster.Task) nodeapi.TaskReport {
			return nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Stopped, StopReason: "killed"}
		})
	default: // tasks do as they should
		for range 3 {
			s.report(obeys)
		}
	}
}

// obeys is the report of a task that does what is wanted of it.
func obeys(t cluster.Task) nodeapi.TaskReport {
	if t.Wanted.Stop {
		return nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Stopped, StopReason: t.Wanted.StopReason}
	}
	return nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Running}
}

func (s *storm) change(u cluster.ServiceUpdate) {
	s.Helper()
	if _, err := s.UpdateService(s.Context(), account, "default", "web", u); err != nil {
		s.Fatal(err)
	}
}

// report has a task chosen by chance report something.
func (s *storm) report(what func(cluster.Task) nodeapi.TaskReport) {
	s.Helper()
	all := s.present()
	if len(all) == 0 {
		return
	}
	t := all[s.dice.IntN(len(all))]
	if _, err := s.Report(s.Context(), nodeapi.Report{Node: t.Node, Tasks: []nodeapi.TaskReport{what(t)}}); err != nil {
		s.Fatal(err)
	}
}

// present are all tasks that have not stopped.
func (s *storm) present() (all []cluster.Task) {
	s.Helper()
	for _, stopped := range []bool{false, true} {
		ids, _, err := s.ListTasks(s.Context(), account, cluster.TaskFilter{Cluster: "default", Stopped: stopped}, cluster.Page{Limit: 1000})
		if err != nil {
			s.Fatal(err)
		}
		found, _, err := s.Tasks(s.Context(), account, "default", ids)
		if err != nil {
			s.Fatal(err)
		}
		for _, t := range found {
			if t.Seen.Status != nodeapi.Stopped {
				all = append(all, t)
			}
		}
	}
	return all
}

// look has one or two servers look, that may die of it, and holds what they did against the bounds.
func (s *storm) look() {
	before := map[string]bool{} // whether they were wanted
	for _, t := range s.present() {
		before[t.ID] = !t.Wanted.Stop
	}
	var servers sync.WaitGroup
	begin := make(chan struct{})
	for range 1 + s.dice.IntN(2) {
		ctx := lit(s.Context(), 1+s.dice.IntN(400))
		c := clustertest.NewWithConfig(s.T, s.db, fast) // one that has just come up
		servers.Go(func() {
			defer ctx.cut()
			<-begin
			_, _, _ = c.NewKeeper(account, "default").Pass(ctx)
		})
	}
	close(begin)
	servers.Wait()
	s.check(before)
}

func (s *storm) check(before map[string]bool) {
	s.Helper()
	total, healthy, started, stopped := 0, 0, 0, 0
	for _, t := range s.present() {
		total++
		well := t.Seen.Status == nodeapi.Running
		if wanted, known := before[t.ID]; !known {
			started++
		} else if wanted && t.Wanted.Stop && well {
			stopped++
		}
		if well && !t.Wanted.Stop {
			healthy++
		}
	}
	least, most := (s.spec.Desired*s.spec.MinPercent+99)/100, s.spec.Desired*s.spec.MaxPercent/100
	if started > 0 && total > most {
		s.Fatalf("step %d: %d tasks after %d were started, the maximum is %d", s.step, total, started, most)
	}
	if stopped > 0 && healthy < least {
		s.Fatalf("step %d: %d healthy tasks after %d were stopped, the minimum is %d", s.step, healthy, stopped, least)
	}
}

// calm lets everything go well from here on.
func (s *storm) calm() {
	s.Helper()
	s.change(cluster.ServiceUpdate{MinPercent: new(50), MaxPercent: new(200)})
	for end := time.Now().Add(time.Minute); ; {
		for _, t := range s.present() {
			if _, err := s.Report(s.Context(), nodeapi.Report{Node: t.Node, Tasks: []nodeapi.TaskReport{obeys(t)}}); err != nil {
				s.Fatal(err)
			}
		}
		if _, _, err := s.keeper.Pass(s.Context()); err != nil {
			s.Fatal(err)
		}
		d := s.described("web")
		if d.Running == s.spec.Desired && d.Pending == 0 && len(d.Deployments) == 1 && d.Deployments[0].State == cluster.RolloutCompleted && len(s.present()) == d.Running {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("after the storm there are %d running, %d pending of %d: %q", d.Running, d.Pending, s.spec.Desired, texts(d))
		}
	}
}

// TestTwoServersNeverStartTooMany: whoever looks at the same time, what is started is what is wanted.
func TestTwoServersNeverStartTooMany(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 1<<20, 1<<20)
		var keepers []*cluster.Keeper
		for range 4 {
			keepers = append(keepers, clustertest.NewWithConfig(w.T, w.db, fast).NewKeeper(account, "default"))
		}
		for i := range 10 {
			n := service(fmt.Sprint("web-", i), ref, 3)
			n.MinPercent, n.MaxPercent = 0, 100
			w.serve(n)
			var servers sync.WaitGroup
			for _, k := range keepers {
				servers.Go(func() {
					if _, _, err := k.Pass(w.Context()); err != nil {
						w.Errorf("pass: %v", err)
					}
				})
			}
			servers.Wait()
			if s := w.described(n.Name); s.Running+s.Pending > 3 {
				w.Fatalf("%d tasks of 3", s.Running+s.Pending)
			}
		}
	})
}
