package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/schedulers/wire"
	"slipway/store"
	"slipway/store/storetest"
)

// asks runs tasks where the strategies say.
func (w world) asks(ref taskdef.Ref, count int, strategies ...placement.Strategy) (nodes []string) {
	w.Helper()
	started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: count, Strategies: strategies})
	if err != nil || len(started.Tasks) != count {
		w.Fatalf("%d tasks of %d, refused %v, error %v", len(started.Tasks), count, started.Refused, err)
	}
	for _, t := range started.Tasks {
		nodes = append(nodes, t.Node)
	}
	slices.Sort(nodes)
	return nodes
}

func TestSchedulerPlacesTasks(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a, b, c := w.join('a', 1000, 1000).ID, w.join('b', 300, 300).ID, w.join('c', 1000, 1000).ID
		says := ""
		p := w.plans(cluster.Scheduler{Name: "mine"}, func(wire.Question) string { return says })
		mine := by("mine")

		says = answer(wire.Answer{Rank: []string{b, c}})
		wantEqual(t, "ranked", strings.Join(w.asks(ref, 4, mine...), " "), strings.Join([]string{b, b, b, c}, " "))
		says = answer(wire.Answer{Choose: []string{c, a, c}})
		wantEqual(t, "chosen", strings.Join(w.asks(ref, 3, mine...), " "), strings.Join([]string{a, c, c}, " "))
		says = answer(wire.Answer{Rank: []string{b}}) // which is full: it is a wish
		if nodes := w.asks(ref, 1, mine...); nodes[0] == b {
			t.Error("a full machine took a task")
		}
		says = answer(wire.Answer{Pass: true})
		w.asks(ref, 1, mine...)

		q := p.questions()[0]
		if q.Count != 4 || q.CPU != 100 || q.Memory != 100 || q.Family != "web" || q.Group != "family:web" || q.Revision != 1 || q.Seq == 0 {
			t.Errorf("it was asked %+v", q)
		}
		s := w.scheduler(cluster.Scheduler{Cluster: "default", Name: "mine"})
		if s.Asked != 4 || s.Failed != 0 || len(w.facts("scheduler.failed")) > 0 {
			t.Errorf("it did %+v", s)
		}
		w.asks(ref, 1)
		w.asks(ref, 1, placement.Strategy{Type: "binpack", Field: "cpu"})
		if n := len(p.questions()); n != 4 {
			t.Errorf("it was asked about requests that do not name it: %d", n)
		}
	})
}

// The default of a cluster is asked about requests that say nothing, and another about those that name it.
func TestDefaultScheduler(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a, b := w.join('a', 1000, 1000).ID, w.join('b', 1000, 1000).ID
		w.plans(cluster.Scheduler{Name: "first", Default: true}, ranks(a))
		w.plans(cluster.Scheduler{Name: "second"}, ranks(b))
		wantEqual(t, "by default", w.asks(ref, 1)[0], a)
		wantEqual(t, "by name", w.asks(ref, 1, by("second")...)[0], b)
		if _, err := w.PutScheduler(w.Context(), cluster.Scheduler{Account: account, Cluster: "default", Name: "second", Deadline: 5 * time.Second, Default: true}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "by the new default", w.asks(ref, 1)[0], b)

		_, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1, Strategies: by("third")})
		wantText(t, err, cluster.ErrInvalid, `no scheduler "third"`)
	})
}

// Whatever a scheduler answers, the task is placed, by the fallback, and it is told what was wrong.
func TestSchedulerTalksNonsense(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		small := w.join('a', 5000, 5000).ID
		w.join('b', 20_000, 20_000)
		other := clusterHello('f', "")
		other.Account = "210987654321"
		foreign := w.joins(other).ID
		fallback := []placement.Strategy{{Type: "binpack", Field: "memory"}}
		for i, c := range []struct{ says, cause string }{
			{`junk`, "not the JSON of an answer"},
			{``, "not the JSON of an answer"},
			{`[]`, "not the JSON of an answer"},
			{`{"rank": "a"}`, "not the JSON of an answer"},
			{`{}`, "it has 0"},
			{`{"rank": ["` + small + `"], "pass": true}`, "it has 2"},
			{`{"rank": ["nowhere"]}`, `"nowhere" is no machine of the cluster`},
			{`{"rank": ["` + foreign + `"]}`, foreign + `" is no machine of the cluster`},
			{`{"choose": ["` + foreign + `"]}`, "is no machine of the cluster"},
			{`{"choose": ["` + small + `", "` + small + `"]}`, "chooses 2 machines for 1 tasks"},
			{`{"rank": ["` + small + `", "` + small + `"]}`, "twice"},
			{`{"rank": ["` + strings.Repeat("a", wire.MaxAnswer) + `"]}`, "more than 1048576 bytes"},
			{`{"rank": [` + strings.Repeat(`"a",`, wire.MaxNodes) + `"a"]}`, "10001 machines"},
		} {
			name := fmt.Sprint("mine", i)
			p := w.plans(cluster.Scheduler{Name: name, Fallback: fallback}, func(wire.Question) string { return c.says })
			started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1, Strategies: by(name)})
			if err != nil || len(started.Tasks) != 1 || started.Tasks[0].Node != small {
				t.Errorf("%.60s: %d tasks, error %v", c.says, len(started.Tasks), err)
			}
			f := w.facts("scheduler.failed")
			if len(f) == 0 || f[len(f)-1]["name"] != name || !strings.Contains(fmt.Sprint(f[len(f)-1]["cause"]), c.cause) {
				t.Errorf("%.60s: told %v, want %s", c.says, f, c.cause)
			}
			p.leave()
			if err := w.DeleteScheduler(w.Context(), account, "default", name); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// One that does not answer, is not there, or leaves holds up nobody for long, and is told of.
func TestSchedulerDoesNotAnswer(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		w.join('a', 10_000, 10_000)
		s := cluster.Scheduler{Cluster: "default", Name: "mine", Deadline: 20 * time.Millisecond}
		p := w.plans(s, nil)
		for range 3 {
			w.asks(ref, 1, by("mine")...)
		}
		if f := w.facts("scheduler.failed"); len(f) != 1 || f[0]["cause"] != "it did not answer in time" {
			t.Errorf("told %v", f)
		}
		f := w.facts("scheduler.paused")
		if len(f) != 1 || f[0]["until"] == nil {
			t.Errorf("told %v", f)
		}
		within(w, func() bool { return len(p.questions()) == 3 }) // they may come when it is too late to answer

		p.leave()
		within(w, func() bool { return !w.scheduler(s).Connected })
		w.asks(ref, 1, by("mine")...)
		if f := w.facts("scheduler.failed"); len(f) != 2 || f[1]["cause"] != "it has no line to this server" {
			t.Errorf("told %v", f)
		}
	})
}

// One that leaves while it thinks is not waited for.
func TestSchedulerLeavesBeforeItAnswers(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		w.join('a', 1000, 1000)
		var p *planner
		asked := make(chan struct{})
		p = w.plans(cluster.Scheduler{Name: "mine", Deadline: 5 * time.Second}, func(wire.Question) string {
			close(asked)
			<-w.Context().Done() // the answer never comes in time
			return ""
		})
		go func() { <-asked; p.end() }()
		w.asks(ref, 1, by("mine")...)
		if f := w.facts("scheduler.failed"); len(f) != 1 || f[0]["cause"] != "it left before it answered" {
			t.Errorf("told %v", f)
		}
	})
}

// After a pause one question finds out whether it does better.
func TestSchedulerResumes(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a := w.join('a', 1<<30, 1<<30).ID
		var mu sync.Mutex
		says := "junk"
		s := cluster.Scheduler{Cluster: "default", Name: "mine"}
		w.plans(s, func(wire.Question) string { mu.Lock(); defer mu.Unlock(); return says })
		for range 3 {
			w.asks(ref, 1, by("mine")...)
		}
		if w.scheduler(s).Failed != 3 {
			t.Fatalf("it did %+v", w.scheduler(s))
		}
		mu.Lock()
		says = answer(wire.Answer{Rank: []string{a}})
		mu.Unlock()
		within(w, func() bool {
			w.asks(ref, 1, by("mine")...)
			return len(w.facts("scheduler.resumed")) == 1
		})
	})
}

// Two schedulers want the last room for different tasks: one gets it.
func TestSchedulersRace(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a := w.join('a', 100, 100).ID
		var asked sync.WaitGroup // both have been asked before one answers
		asked.Add(2)
		both := func(wire.Question) string {
			asked.Done()
			asked.Wait()
			return answer(wire.Answer{Rank: []string{a}})
		}
		w.plans(cluster.Scheduler{Name: "one"}, both)
		w.plans(cluster.Scheduler{Name: "two"}, both)
		var all sync.WaitGroup
		var mu sync.Mutex
		placed, refused := 0, 0
		for _, name := range []string{"one", "two"} {
			all.Go(func() {
				started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1, Strategies: by(name)})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				placed += len(started.Tasks)
				refused += len(started.Refused)
			})
		}
		all.Wait()
		if placed != 1 || refused != 1 {
			t.Errorf("%d were placed and %d refused", placed, refused)
		}
	})
}

// A line that is opened anew takes over, and only those who were admitted open one.
func TestSchedulerConnectsAgain(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a := w.join('a', 1000, 1000).ID
		s := cluster.Scheduler{Cluster: "default", Name: "mine"}
		older := w.plans(s, nil)
		newer := w.connects(s, ranks(a))
		older.until(func() bool { return older.messages[len(older.messages)-1].Type == wire.TypeEnd })
		w.asks(ref, 1, by("mine")...)
		if len(newer.questions()) != 1 || len(older.questions()) != 0 {
			t.Error("the older line was asked")
		}
		wantErr(t, w.SchedulerAnswer(older.token, newer.questions()[0].ID, strings.NewReader(`{"pass":true}`)), cluster.ErrNoSchedulerLine)
		wantErr(t, w.SchedulerAnswer(newer.token, newer.questions()[0].ID, strings.NewReader(`{"pass":true}`)), cluster.ErrNoQuestion)
		nothing := func(wire.Message) error { return errors.New("it was told something") }
		for _, token := range []string{"", "guess", newer.token} {
			wantErr(t, w.SchedulerStream(context.Background(), token, nothing), cluster.ErrNoSchedulerLine)
		}
		_, err := w.ConnectScheduler(w.Context(), "210987654321", "default", "mine")
		wantErr(t, err, cluster.ErrNoCluster)
		_, err = w.ConnectScheduler(w.Context(), account, "default", "other")
		wantErr(t, err, cluster.ErrNoScheduler)

		if err := w.DeleteScheduler(w.Context(), account, "default", "mine"); err != nil {
			t.Fatal(err)
		}
		newer.until(func() bool { return newer.messages[len(newer.messages)-1].Type == wire.TypeEnd })
		wantEqual(t, "reason", newer.all()[len(newer.all())-1].Reason, "the scheduler was deleted")
	})
}

// A line does not last for ever: who opens the next must be admitted again.
func TestSchedulerLineEnds(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a := w.join('a', 1000, 1000).ID
		s := cluster.Scheduler{Account: account, Cluster: "default", Name: "mine", Deadline: 5 * time.Second}
		if _, err := w.PutScheduler(w.Context(), s); err != nil {
			t.Fatal(err)
		}
		line, err := w.ConnectScheduler(w.Context(), account, "default", "mine")
		if err != nil {
			t.Fatal(err)
		}
		w.SetLineLife(100 * time.Millisecond)
		nobody := func(wire.Message) error { return nil }
		wantErr(t, w.SchedulerStream(w.Context(), line.Token, nobody), nil)
		wantErr(t, w.SchedulerStream(w.Context(), line.Token, nobody), cluster.ErrNoSchedulerLine)
		wantEqual(t, "connected", w.scheduler(s).Connected, false)
		w.SetLineLife(time.Hour)
		w.connects(s, ranks(a))
		w.asks(ref, 1, by("mine")...)
		wantEqual(t, "failures", w.scheduler(s).Failed, 0)
	})
}

// No account opens lines without end.
func TestLinesAreBounded(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	if _, err := w.PutScheduler(w.Context(), cluster.Scheduler{Account: account, Cluster: "default", Name: "mine"}); err != nil {
		t.Fatal(err)
	}
	var err error
	opened := 0
	for ; err == nil && opened < 1000; opened++ {
		_, err = w.ConnectScheduler(w.Context(), account, "default", "mine")
	}
	wantErr(t, err, cluster.ErrTooManyLines)
	wantEqual(t, "lines that may be opened", opened-1, 100)
}

// A request with a token that is sent again is the same request, whatever its scheduler says by then.
func TestSchedulerAndClientToken(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a, b := w.join('a', 1000, 1000).ID, w.join('b', 1000, 1000).ID
		best := a
		w.plans(cluster.Scheduler{Name: "mine"}, func(wire.Question) string { return answer(wire.Answer{Rank: []string{best}}) })
		run := cluster.Run{Cluster: "default", Definition: ref, Count: 1, Strategies: by("mine"), Token: "once"}
		first, err1 := w.RunTask(w.Context(), account, run)
		best = b
		second, err2 := w.RunTask(w.Context(), account, run)
		if err := errors.Join(err1, err2); err != nil || len(second.Tasks) != 1 || first.Tasks[0].ID != second.Tasks[0].ID {
			t.Errorf("%v and %v, error %v", first.Tasks, second.Tasks, err)
		}
	})
}

func TestTryScheduler(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a := w.join('a', 1000, 1000).ID
		s := cluster.Scheduler{Name: "mine"}
		says := answer(wire.Answer{Rank: []string{a}})
		p := w.plans(s, func(wire.Question) string { return says })
		got, err := w.TryScheduler(w.Context(), account, "default", "mine", ref, 3)
		if err != nil || !slices.Equal(got.Answer.Rank, []string{a}) || got.Failure != "" || got.Took <= 0 {
			t.Errorf("it said %+v, error %v", got, err)
		}
		says = "junk"
		got, err = w.TryScheduler(w.Context(), account, "default", "mine", ref, 1)
		if err != nil || !strings.Contains(got.Failure, "makes no sense") {
			t.Errorf("it said %+v, error %v", got, err)
		}
		p.leave()
		s.Cluster = "default"
		within(w, func() bool { return !w.scheduler(s).Connected })
		got, err = w.TryScheduler(w.Context(), account, "default", "mine", ref, 1)
		if err != nil || got.Failure != "it has no line to this server" {
			t.Errorf("it said %+v, error %v", got, err)
		}
		if n := len(w.facts("task.pending")) + len(w.facts("scheduler.failed")); n > 0 {
			t.Errorf("%d events tell of it", n)
		}
	})
}

// While one scheduler thinks, nobody waits but who asked it.
func TestSchedulerHoldsUpNobody(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		a := w.join('a', 10_000, 10_000).ID
		asked, think := make(chan struct{}), make(chan struct{})
		w.plans(cluster.Scheduler{Name: "slow"}, func(wire.Question) string {
			close(asked)
			<-think
			return answer(wire.Answer{Rank: []string{a}})
		})
		w.plans(cluster.Scheduler{Name: "quick"}, ranks(a))
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.asks(ref, 1, by("slow")...)
		}()
		<-asked
		w.asks(ref, 1)
		w.asks(ref, 1, by("quick")...)
		select {
		case <-done:
			if len(w.facts("scheduler.failed")) == 0 { // else this machine is too slow for any deadline
				t.Error("it was placed before its scheduler answered")
			}
		default:
		}
		close(think)
		<-done
	})
}

// Two servers over one database: each asks those who have a line to it, and hears of changes made at the other.
func TestSchedulersOfTwoServers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		here := newWorld(t, db)
		control, _, _ := clustertest.New(t, db)
		there := here
		there.Control = control
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { control.Run(ctx) })
		defer running.Wait()
		defer stop()
		ref := here.register("web", web())
		a, b := here.join('a', 10_000, 10_000).ID, here.join('b', 1000, 1000).ID
		pack := []placement.Strategy{{Type: "binpack", Field: "memory"}}
		there.asks(ref, 1, pack...) // it knows that there are no schedulers
		here.plans(cluster.Scheduler{Name: "mine", Default: true, Fallback: pack}, ranks(a))
		wantEqual(t, "where it is connected", here.asks(ref, 1)[0], a)
		within(there, func() bool { there.asks(ref, 1); return len(there.facts("scheduler.failed")) > 0 })
		if f := there.facts("scheduler.failed"); f[0]["cause"] != "it has no line to this server" {
			t.Errorf("told %v", f)
		}
		there.connects(cluster.Scheduler{Cluster: "default", Name: "mine"}, ranks(b))
		wantEqual(t, "with a line of its own", there.asks(ref, 1, by("mine")...)[0], b)
	})
}

// A service names its scheduler, and goes on without it when it is taken away.
func TestServiceByScheduler(t *testing.T) {
	keeps(t, nil, func(w keeping) {
		ref := w.register("web", web())
		w.obedient('a', 100_000, 100_000)
		b := w.obedient('b', 10_000, 10_000).ID
		p := w.plans(cluster.Scheduler{Name: "mine"}, ranks(b))
		n := service("web", ref, 3)
		n.Strategies = by("mine")
		w.serve(n)
		w.steady("web", 3)
		if held := w.instance(b).Held; len(held) != 1 || held[0].Tasks != 3 {
			t.Errorf("where it wants them are %+v", held)
		}
		if q := p.questions(); len(q) == 0 || q[0].Group != "service:web" {
			t.Errorf("it was asked %+v", q)
		}
		if err := w.DeleteScheduler(w.Context(), account, "default", "mine"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateService(w.Context(), account, "default", "web", cluster.ServiceUpdate{Desired: new(5)}); err != nil {
			t.Fatal(err)
		}
		w.steady("web", 5)
		if f := w.facts("scheduler.failed"); len(f) == 0 || f[0]["cause"] != "the cluster has no such scheduler" {
			t.Errorf("told %v", f)
		}
	})
}
