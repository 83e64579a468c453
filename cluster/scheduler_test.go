package cluster_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/schedulers/wire"
	"slipway/store"
)

// planner is a scheduler from outside: it keeps what it is told and answers as the test says.
type planner struct {
	w     world
	token string
	end   context.CancelFunc
	ended chan error

	mu       sync.Mutex
	news     chan struct{}
	messages []wire.Message
	answer   func(wire.Question) string // what it sends; nil: nothing
}

// plans makes a scheduler that answers, and opens its line.
func (w world) plans(s cluster.Scheduler, answer func(wire.Question) string) *planner {
	w.Helper()
	s.Account = account
	replace(&s.Cluster, "default")
	if s.Deadline == 0 {
		s.Deadline = 5 * time.Second // of a machine that is busy with other tests
	}
	if _, err := w.PutScheduler(w.Context(), s); err != nil {
		w.Fatal(err)
	}
	return w.connects(s, answer)
}

func replace(s *string, by string) {
	if *s == "" {
		*s = by
	}
}

// connects opens a line of a scheduler that is there, and returns once all was told.
func (w world) connects(s cluster.Scheduler, answer func(wire.Question) string) *planner {
	w.Helper()
	line, err := w.ConnectScheduler(w.Context(), account, s.Cluster, s.Name)
	if err != nil {
		w.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	p := &planner{w: w, token: line.Token, end: end, ended: make(chan error, 1), news: make(chan struct{}), answer: answer}
	go func() { p.ended <- w.SchedulerStream(ctx, line.Token, p.take) }()
	w.Cleanup(func() { p.leave() })
	p.until(func() bool { return slices.ContainsFunc(p.messages, isWhole) })
	within(w, func() bool { return w.scheduler(s).Connected })
	return p
}

func isWhole(m wire.Message) bool { return m.Type == wire.TypeSnapshot && !m.More }

// within calls ok until it says so: a minute is more than any machine needs.
func within(w world, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatal("waited in vain")
		}
	}
}

// scheduler is how a scheduler does.
func (w world) scheduler(s cluster.Scheduler) cluster.SchedulerState {
	w.Helper()
	all, err := w.Schedulers(w.Context(), account, s.Cluster)
	if err != nil {
		w.Fatal(err)
	}
	at := slices.IndexFunc(all, func(one cluster.SchedulerState) bool { return one.Name == s.Name })
	if at < 0 {
		w.Fatalf("no scheduler %s", s.Name)
	}
	return all[at]
}

func (p *planner) take(m wire.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, m)
	close(p.news)
	p.news = make(chan struct{})
	if m.Type == wire.TypeQuestion && p.answer != nil {
		q := *m.Question
		go func() { _ = p.w.SchedulerAnswer(p.token, q.ID, strings.NewReader(p.answer(q))) }() // who asked learns what is wrong
	}
	return nil
}

// until waits for a message after which ok holds.
func (p *planner) until(ok func() bool) {
	p.w.Helper()
	limit := time.After(time.Minute)
	for {
		p.mu.Lock()
		done, news := ok(), p.news
		p.mu.Unlock()
		if done {
			return
		}
		select {
		case <-limit:
			text, _ := json.Marshal(p.all())
			p.w.Fatalf("waited in vain; it was told %s", text)
		case <-news:
		case err := <-p.ended:
			p.ended <- err
			p.mu.Lock()
			defer p.mu.Unlock()
			if !ok() {
				p.w.Fatalf("the line ended while something was awaited: %v", err)
			}
			return
		}
	}
}

// leave ends the line, and returns what it ended with. It may be called more than once.
func (p *planner) leave() error {
	p.end()
	err := <-p.ended
	p.ended <- err
	return err
}

// all returns what was told so far.
func (p *planner) all() []wire.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.messages)
}

// questions are those that it was asked.
func (p *planner) questions() (all []wire.Question) {
	for _, m := range p.all() {
		if m.Type == wire.TypeQuestion {
			all = append(all, *m.Question)
		}
	}
	return all
}

// ranks answers with these nodes, the best first.
func ranks(nodes ...string) func(wire.Question) string {
	return func(wire.Question) string { return answer(wire.Answer{Rank: nodes}) }
}

func answer(a wire.Answer) string {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// by is a placement strategy that asks a scheduler.
func by(name string) []placement.Strategy {
	return []placement.Strategy{{Type: placement.Scheduler, Field: name}}
}

// facts are the events of a kind.
func (w world) facts(kind string) (all []map[string]any) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *store.Tx) error {
		all = nil
		found, err := events.Read(tx, 0, 10_000)
		for _, e := range found {
			if e.Type == kind {
				var f map[string]any
				if err := json.Unmarshal(e.Data, &f); err != nil {
					return err
				}
				all = append(all, f)
			}
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

func TestSchedulersOfACluster(t *testing.T) {
	each(t, func(w world) {
		w.create("blue")
		put := func(s cluster.Scheduler) error {
			s.Account = account
			_, err := w.PutScheduler(w.Context(), s)
			return err
		}
		for _, c := range []struct {
			scheduler cluster.Scheduler
			cause     error
			text      string
		}{
			{cluster.Scheduler{Cluster: "nowhere", Name: "a"}, cluster.ErrNoCluster, ""},
			{cluster.Scheduler{Cluster: "blue", Name: ""}, cluster.ErrInvalid, "name"},
			{cluster.Scheduler{Cluster: "blue", Name: "a/b"}, cluster.ErrInvalid, "name"},
			{cluster.Scheduler{Cluster: "blue", Name: "a", Deadline: time.Millisecond}, cluster.ErrInvalid, "deadline"},
			{cluster.Scheduler{Cluster: "blue", Name: "a", Deadline: time.Minute}, cluster.ErrInvalid, "deadline"},
			{cluster.Scheduler{Cluster: "blue", Name: "a", Fallback: by("b")}, cluster.ErrInvalid, "fallback"},
		} {
			wantText(t, put(c.scheduler), c.cause, c.text)
		}
		for _, s := range []cluster.Scheduler{{Name: "b", Default: true}, {Name: "a", Default: true, Fallback: []placement.Strategy{{Type: "binpack", Field: "memory"}}}} {
			s.Cluster = "blue"
			if err := put(s); err != nil {
				t.Fatal(err)
			}
		}
		all, err := w.Schedulers(w.Context(), account, "blue")
		if err != nil || len(all) != 2 || !all[0].Default || all[1].Default || all[0].Fallback[0].Type != "binpack" || all[1].Deadline != cluster.DefaultDeadline {
			t.Errorf("schedulers %+v, error %v", all, err)
		}
		wantErr(t, w.DeleteScheduler(w.Context(), account, "blue", "c"), cluster.ErrNoScheduler)
		wantErr(t, w.DeleteScheduler(w.Context(), "210987654321", "blue", "a"), cluster.ErrNoCluster)
		if err := w.DeleteScheduler(w.Context(), account, "blue", "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.DeleteCluster(w.Context(), account, "blue"); err != nil {
			t.Fatal(err)
		}
		w.create("blue")
		if all, err := w.Schedulers(w.Context(), account, "blue"); err != nil || len(all) > 0 {
			t.Errorf("a cluster that was made anew has schedulers %v, error %v", all, err)
		}
		wantEqual(t, "events", strings.Join(w.happened(":scheduler/blue/"), " "), "scheduler.put scheduler.put scheduler.deleted")
	})
}

// What a scheduler is told is what is so, as it changes.
func TestSchedulerIsToldWhatIsSo(t *testing.T) {
	each(t, func(w world) {
		w.create("blue")
		ref := w.register("web", web())
		a := w.join('a', 1000, 1000)
		task := w.runs(ref, 1)[0]
		p := w.plans(cluster.Scheduler{Name: "mine"}, nil)
		hello, snapshot := p.all()[0], p.all()[1]
		if h := hello.Hello; h == nil || *h != (wire.Hello{Account: account, Cluster: "default", Scheduler: "mine", Deadline: 5000}) {
			t.Errorf("hello %+v", h)
		}
		if n := snapshot.Nodes; len(n) != 1 || n[0].ID != a.ID || n[0].FreeCPU != 900 || n[0].FreeMemory != 900 || n[0].Pending != 1 || !n[0].Connected || !slices.Equal(n[0].Ports, []string{"22/tcp", "22/udp"}) {
			t.Errorf("nodes %+v", n)
		}
		if tasks := snapshot.Tasks; len(tasks) != 1 || tasks[0].ID != task.ID || tasks[0].Status != "PENDING" || tasks[0].Group != "family:web" {
			t.Errorf("tasks %+v", tasks)
		}

		a.Run(task.ID)
		b := w.join('b', 500, 500)
		if err := w.PutAttributes(w.Context(), account, "default", []cluster.Attribute{{Node: b.ID, Name: "price", Value: "7"}}); err != nil {
			t.Fatal(err)
		}
		last := func() (s told) { s.apply(t, p.messages); return s }
		p.until(func() bool {
			s := last()
			return s.tasks[task.ID].Status == "RUNNING" && s.nodes[b.ID].Attributes["price"] == "7" && s.nodes[a.ID].Running == 1
		})
		a.Exit(task.ID, 0)
		b.Leave()
		p.until(func() bool {
			s := last()
			return len(s.tasks) == 0 && s.nodes[a.ID].FreeCPU == 1000 && !s.nodes[b.ID].Connected
		})
		if _, err := w.DeregisterInstance(w.Context(), account, "default", b.ID, true); err != nil {
			t.Fatal(err)
		}
		p.until(func() bool { _, there := last().nodes[b.ID]; return !there })
	})
}

// Where more has happened than is told one by one, it is told so, and all that is so once more.
func TestSchedulerIsToldOfAGap(t *testing.T) {
	each(t, func(w world) {
		a := w.join('a', 1000, 1000).ID
		p := w.plans(cluster.Scheduler{Name: "mine"}, nil)
		err := w.db.Update(w.Context(), func(tx *store.Tx) error {
			for range 5000 {
				if err := events.Append(tx, account, "dog.barked", "rex", nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		p.until(func() bool {
			at := slices.IndexFunc(p.messages, func(m wire.Message) bool { return m.Type == wire.TypeGap })
			return at >= 0 && slices.ContainsFunc(p.messages[at:], isWhole)
		})
		var s told
		s.apply(t, p.all())
		if len(s.nodes) != 1 || s.nodes[a].ID != a || s.seq != 2 {
			t.Errorf("then it knows %+v", s)
		}
	})
}

// told is what messages come to.
type told struct {
	seq   int64
	nodes map[string]wire.Node
	tasks map[string]wire.Task
}

func (s *told) apply(t *testing.T, all []wire.Message) {
	t.Helper()
	for _, m := range all {
		switch {
		case m.Type == wire.TypeSnapshot:
			if m.Seq != s.seq {
				*s = told{m.Seq, map[string]wire.Node{}, map[string]wire.Task{}}
			}
		case m.Type == wire.TypeChange && m.Seq != s.seq+1:
			t.Errorf("change %d comes after %d", m.Seq, s.seq)
		}
		if m.Type == wire.TypeChange {
			s.seq = m.Seq
		}
		for _, n := range m.Nodes {
			s.nodes[n.ID] = n
		}
		for _, one := range m.Tasks {
			s.tasks[one.ID] = one
		}
		for _, id := range m.GoneNodes {
			delete(s.nodes, id)
		}
		for _, id := range m.GoneTasks {
			delete(s.tasks, id)
		}
	}
}

// A scheduler sees the machines and tasks of its own cluster, and nothing of what those run.
func TestSchedulerSeesItsOwn(t *testing.T) {
	each(t, func(w world) {
		w.create("blue", "red")
		spec := web()
		spec.Containers[0].Command = []string{"serve", "hidden-command"}
		spec.Containers[0].Env = []taskdef.Variable{{Name: "PASSWORD", Value: "hidden-password"}}
		ref := w.register("web", spec)
		other := clustertest.Hello('f', 1000, 1000)
		other.Account = "210987654321"
		w.joins(other)
		red := w.joins(clusterHello('d', "red"))
		blue := w.joins(clusterHello('b', "blue"))
		for _, name := range []string{"blue", "red"} {
			if _, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: name, Definition: ref, Count: 1}); err != nil {
				t.Fatal(err)
			}
		}
		p := w.plans(cluster.Scheduler{Cluster: "blue", Name: "mine"}, ranks(blue.ID))
		if _, err := w.TryScheduler(w.Context(), account, "blue", "mine", ref, 1); err != nil {
			t.Fatal(err)
		}
		if len(p.questions()) != 1 {
			t.Fatalf("questions %+v", p.questions())
		}
		text, err := json.Marshal(p.all())
		if err != nil || !strings.Contains(string(text), blue.ID) || !strings.Contains(string(text), `"tasks":[{`) {
			t.Fatalf("it was told %s, error %v", text, err)
		}
		for _, hidden := range []string{red.ID, other.Node, "hidden", "PASSWORD", "example.com"} {
			if strings.Contains(string(text), hidden) {
				t.Errorf("it was told of %s: %s", hidden, text)
			}
		}
	})
}
