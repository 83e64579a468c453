package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/placement"
	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// servers are two control planes over one PostgreSQL. Nothing but the database is between them.
func servers(t *testing.T) (first, second world) {
	t.Helper()
	return serversAt(t, storetest.PostgresURL(t))
}

func serversAt(t *testing.T, url string) (first, second world) {
	t.Helper()
	open := func() *store.DB {
		db, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	first = newWorld(t, open())
	second = first
	second.db = open()
	second.Control, _, _ = clustertest.NewWithRoles(t, second.db, first.roles)
	return first, second
}

func (w world) run1(ref taskdef.Ref) (cluster.Started, error) {
	return w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1})
}

// race has many ask for the one place that there is, by turns at each of the servers, and counts who gets it.
func race(t *testing.T, ref taskdef.Ref, servers ...world) {
	t.Helper()
	const many = 64
	var won, lost atomic.Int64
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			started, err := servers[i%len(servers)].run1(ref)
			switch {
			case err != nil:
				t.Error(err)
			case len(started.Tasks) == 1:
				won.Add(1)
			case len(started.Refused) == 1 && started.Refused[0].Reason == placement.NoCPU:
				lost.Add(1)
			default:
				t.Errorf("started %+v", started)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != many-1 {
		t.Errorf("%d got the place and %d were told why not, of %d", won.Load(), lost.Load(), many)
	}
}

func TestOneOfManyGetsTheLastPlace(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 150, 1024)
		race(w.T, w.register("web", web()), w)
		w.wantBooks()
	})
}

func TestOneOfManyGetsTheLastPlaceOnTwoServers(t *testing.T) {
	first, second := servers(t)
	first.join('a', 150, 1024)
	race(t, first.register("web", web()), first, second)
	first.wantBooks()
}

// What one server places, and what a node tells it, the other knows at once.
func TestServersKnowOfEachOther(t *testing.T) {
	first, second := servers(t)
	ref := first.register("web", web())
	node := first.join('a', 150, 1024)
	for range 3 {
		started, err := second.run1(ref)
		if err != nil || len(started.Tasks) != 1 {
			t.Fatalf("started %+v, error %v", started, err)
		}
		if refused, err := first.run1(ref); err != nil || len(refused.Refused) != 1 {
			t.Fatalf("a place was given twice: %+v, error %v", refused, err)
		}
		node.Run(started.Tasks[0].ID)
		node.Exit(started.Tasks[0].ID, 0)
	}
	first.wantBooks()
}

// The history of what calls at two servers came to is one that could have come of the same calls one after the other.
func TestPlacementsAreAsIfOneAfterTheOther(t *testing.T) {
	first, second := servers(t)
	compete(t, first, second)
}

// So it is where a third server holds the turn for ever, so that the two meet in every row.
func TestPlacementsThatMeetAreAsIfOneAfterTheOther(t *testing.T) {
	url := storetest.PostgresURL(t)
	first, second := serversAt(t, url)
	silent, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	held, give := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		silent.UpdateInTurn(t.Context(), "placement", func(*store.Tx) error {
			close(held)
			<-give
			return nil
		})
	})
	defer all.Wait()
	defer close(give)
	<-held
	compete(t, first, second)
}

func compete(t *testing.T, first, second world) {
	t.Helper()
	const places, callers, rounds = 3, 6, 12
	ref := first.register("web", web())
	node := first.join('a', 100*places, 10_000)
	both := []world{first, second}
	var h history
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range rounds {
				w := both[(i+n)%2]
				id := h.run(t, w, ref)
				if id == "" {
					continue
				}
				if (i+n)%3 == 0 {
					if _, err := both[n%2].StopTask(t.Context(), account, "default", id, ""); err != nil {
						t.Error(err)
					}
				}
				h.end(t, both[(i+n+1)%2], node.ID, id)
			}
		})
	}
	all.Wait()
	if !linearizable(h.operations, places) {
		t.Errorf("no order of these calls explains what came of them: %+v", h.operations)
	}
	first.wantBooks()
}

func TestTheCheckerOfHistoriesFindsWhatCannotBe(t *testing.T) {
	const placed, refused, ended = 1, 0, -1
	for _, story := range []struct {
		name       string
		operations []operation
		want       bool
	}{
		{"one after the other", []operation{{placed, 1, 2}, {ended, 3, 4}, {placed, 5, 6}}, true},
		{"refused while it was full", []operation{{placed, 1, 2}, {refused, 3, 4}, {ended, 5, 6}}, true},
		{"refused beside an end", []operation{{placed, 1, 2}, {ended, 3, 6}, {refused, 4, 5}}, true},
		{"placed beside an end", []operation{{placed, 1, 2}, {ended, 3, 6}, {placed, 4, 5}}, true},
		{"refused after the end", []operation{{placed, 1, 2}, {ended, 3, 4}, {refused, 5, 6}}, false},
		{"one place twice", []operation{{placed, 1, 4}, {placed, 2, 3}}, false},
	} {
		if linearizable(story.operations, 1) != story.want {
			t.Errorf("%s: linearizable is %v", story.name, !story.want)
		}
	}
}

// operation is a call: what it did to the number of tasks, or 0 where it was refused, and when it began and was answered.
type operation struct{ did, from, to int64 }

type history struct {
	mu         sync.Mutex
	clock      int64
	operations []operation
}

func (h *history) tick() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return h.clock
}

func (h *history) note(did, from int64) {
	to := h.tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, operation{did, from, to})
}

func (h *history) run(t *testing.T, w world, ref taskdef.Ref) (id string) {
	from := h.tick()
	started, err := w.run1(ref)
	if err != nil {
		t.Error(err)
		return ""
	}
	if h.note(int64(len(started.Tasks)), from); len(started.Tasks) == 0 {
		return ""
	}
	return started.Tasks[0].ID
}

func (h *history) end(t *testing.T, w world, node, id string) {
	from := h.tick()
	ack, err := w.Report(t.Context(), nodeapi.Report{Node: node, Tasks: []nodeapi.TaskReport{{ID: id, Status: nodeapi.Stopped}}})
	if err != nil || len(ack.Unknown) > 0 {
		t.Errorf("report of %s: %+v, error %v", id, ack, err)
	}
	h.note(-1, from)
}

// linearizable tells whether some order of the operations, in which none comes before one that was over when it began,
// never has more tasks than places, and refuses only where there are as many. It is Wing and Gong's search, with a
// memory of what was tried.
func linearizable(operations []operation, places int64) bool {
	slices.SortFunc(operations, func(a, b operation) int { return int(a.from - b.from) })
	tried := map[string]bool{}
	done := make([]byte, len(operations))
	var search func(left int, tasks int64) bool
	search = func(left int, tasks int64) bool {
		if left == 0 {
			return true
		}
		key := string(done)
		if tried[key] {
			return false
		}
		tried[key] = true
		first := int64(1 << 62) // who began later than the first answer that is still to come cannot be next
		for i, o := range operations {
			if done[i] == 0 {
				first = min(first, o.to)
			}
		}
		for i, o := range operations {
			fits := o.did != 0 && tasks+o.did <= places && tasks+o.did >= 0 || o.did == 0 && tasks == places
			if done[i] == 0 && o.from <= first && fits {
				done[i] = 1
				if search(left-1, tasks+o.did) {
					return true
				}
				done[i] = 0
			}
		}
		return false
	}
	return search(len(operations), 0)
}

// wantBooks compares what is kept of each machine with the rows of its tasks.
func (w world) wantBooks() {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *store.Tx) error {
		var wrong string
		err := tx.Row(`select b.node from books b left join (select node, cpu, memory from tasks where status < 8 union all select node, cpu, memory from holds) t on t.node = b.node
			group by b.node, b.held_cpu, b.held_memory having b.held_cpu <> coalesce(sum(t.cpu), 0) or b.held_memory <> coalesce(sum(t.memory), 0)`).Scan(&wrong)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err == nil {
			w.Errorf("what is kept of node %s is not what its tasks and sandboxes hold", wrong)
		}
		return err
	})
	if err != nil {
		w.Error(err)
	}
}

// Calls with one token at the same time are one call, on whichever server.
func TestOneTokenAtTheSameTime(t *testing.T) {
	first, second := servers(t)
	ref := first.register("web", web())
	first.join('a', 10_000, 10_000)
	both := []world{first, second}
	ids := make([]string, 32)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			started, err := both[i%2].RunTask(t.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1, Token: "once"})
			if err != nil || len(started.Tasks) != 1 {
				t.Errorf("started %+v, error %v", started, err)
				return
			}
			ids[i] = started.Tasks[0].ID
		})
	}
	all.Wait()
	if all := slices.Compact(slices.Sorted(slices.Values(ids))); len(all) != 1 {
		t.Errorf("one token started %d tasks: %v", len(all), all)
	}
	wantEqual(t, "cpu left", first.instance(clustertest.Hello('a', 1, 1).Node).Remaining().CPU, 9_900)
}

// Who fails in a crowd fails alone.
func TestWhoFailsInACrowdFailsAlone(t *testing.T) {
	each(t, func(w world) {
		good, gone := w.register("web", web()), w.register("gone", web())
		w.join('a', 100_000, 100_000)
		if _, err := w.Deregister(w.Context(), account, gone); err != nil {
			w.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				ctx, leave := context.WithCancel(w.Context())
				defer leave()
				run := cluster.Run{Cluster: "default", Definition: good, Count: 2, Token: fmt.Sprint("token ", i%20), Tags: []cluster.Tag{{Key: "part", Value: "of a crowd"}}}
				switch {
				case i%3 == 1:
					run.Definition = gone
				case i%3 == 2:
					leave() // whatever comes of it, it does no harm
				}
				started, err := w.RunTask(ctx, account, run)
				if i%3 == 0 && !errors.Is(err, cluster.ErrTokenReused) && (err != nil || len(started.Tasks) != 2) {
					w.Errorf("started %d tasks, error %v", len(started.Tasks), err)
				}
				if i%3 == 1 && err == nil {
					w.Errorf("a definition that is gone was run")
				}
			})
		}
		all.Wait()
		w.wantBooks()
	})
}

// What a guard allows is there no more often than it allows it, however many ask at once and wherever.
func TestGuardsSeeEachOthersTasks(t *testing.T) {
	first, second := servers(t)
	ref := first.register("web", web())
	first.join('a', 10_000, 10_000)
	enough := errs.New(errs.Conflict, "there are three")
	var placed, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			w := []world{first, second}[i%2]
			started, err := w.RunGuarded(t.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1}, func(tx *store.Tx) error {
				var n int
				err := tx.Row(`select count(*) from tasks where status < 8`).Scan(&n)
				if err == nil && n >= 3 {
					err = enough
				}
				return err
			})
			switch {
			case errors.Is(err, enough):
				refused.Add(1)
			case err != nil || len(started.Tasks) != 1:
				t.Errorf("started %+v, error %v", started, err)
			default:
				placed.Add(1)
			}
		})
	}
	all.Wait()
	if placed.Load() != 3 || refused.Load() != 21 {
		t.Errorf("%d are placed and %d refused", placed.Load(), refused.Load())
	}
}

// Whoever waits for room is told when a machine comes, changes, or has more of it, whichever server it happens on.
func TestRoomIsTold(t *testing.T) {
	first, second := servers(t)
	ref := first.register("web", web())
	wake, stop := second.Room(account)
	defer stop()
	anywhere, stopAnywhere := second.Room("")
	defer stopAnywhere()
	told := func(what string, do func()) {
		t.Helper()
		for { // the line between the servers may not stand yet
			do()
			select {
			case <-wake:
				<-anywhere
				return
			case <-time.After(100 * time.Millisecond):
				if what == "" {
					t.Fatal("nothing was to be done")
				}
			}
		}
	}
	node := first.join('a', 1024, 1024)
	told("attributes", func() {
		if err := first.PutAttributes(t.Context(), account, "default", []cluster.Attribute{{Node: node.ID, Name: "zone", Value: "a"}}); err != nil {
			t.Fatal(err)
		}
	})
	told("an end", func() {
		id := first.runs(ref, 1)[0].ID
		node.Run(id)
		node.Exit(id, 0)
	})
	told("drained", func() {
		for _, status := range []string{cluster.Draining, cluster.Active} {
			if _, _, err := first.SetInstanceState(t.Context(), account, "default", []string{node.ID}, status); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// It is kept why tasks found too few machines, the latest of each group.
func TestWhy(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		node := w.join('a', 150, 1024)
		_, err := w.Why(w.Context(), account, "default", "family:web")
		wantErr(w.T, err, cluster.ErrNoRefusal)
		_, err = w.Why(w.Context(), account, "nowhere", "family:web")
		wantErr(w.T, err, cluster.ErrNoCluster)

		task := w.run(cluster.Run{Cluster: "default", Definition: ref, Count: 3}, 1)[0]
		for _, name := range []string{"family:web", task.ID} {
			why, err := w.Why(w.Context(), account, "default", name)
			if err != nil || why.Group != "family:web" || why.Wanted != 3 || why.Placed != 1 || why.Reasons[placement.NoCPU] != 1 || why.At.IsZero() {
				w.Fatalf("why %s: %+v, error %v", name, why, err)
			}
			if m := why.Machines; len(m) != 1 || m[0].Node != node.ID || m[0].Detail != "100 CPU units are needed, 50 are left" {
				w.Errorf("machines %+v", m)
			}
		}
		w.join('b', 150, 1024)
		next := w.runs(ref, 1)[0]
		why, err := w.Why(w.Context(), account, "default", "family:web")
		if err != nil || !why.Since.Equal(next.Created) || why.Wanted != 3 || len(why.Remedies()) > 0 {
			w.Errorf("once it has found places again: %+v, remedies %q, error %v", why, why.Remedies(), err)
		}
		w.run(cluster.Run{Cluster: "default", Definition: ref, Count: 1}, 0)
		why, err = w.Why(w.Context(), account, "default", "family:web")
		if err != nil || !why.Since.IsZero() || why.Wanted != 1 || len(why.Remedies()) != 1 {
			w.Errorf("once it found too few anew: %+v, remedies %q, error %v", why, why.Remedies(), err)
		}
		if err := w.Prune(w.Context()); err != nil {
			w.Fatal(err)
		}
		if _, err := w.Why(w.Context(), account, "default", "family:web"); err != nil {
			w.Errorf("it is forgotten at once: %v", err)
		}
		w.exec(`update refused set at = 1 where at > $1`, 0)
		if err := w.Prune(w.Context()); err != nil {
			w.Fatal(err)
		}
		_, err = w.Why(w.Context(), account, "default", "family:web")
		wantErr(w.T, err, cluster.ErrNoRefusal)
	})
}

// run runs tasks and fails unless so many are placed.
func (w world) run(run cluster.Run, placed int) []cluster.Task {
	w.Helper()
	started, err := w.RunTask(w.Context(), account, run)
	if err != nil || len(started.Tasks) != placed {
		w.Fatalf("placed %d of %d, refused %v, error %v", len(started.Tasks), run.Count, started.Refused, err)
	}
	return started.Tasks
}

// Tasks go round over machines, and go on where they were, on any server.
func TestTurnsGoOnAnywhere(t *testing.T) {
	first, second := servers(t)
	ref := first.register("web", web())
	for _, name := range []byte("abc") {
		first.join(name, 1024, 1024)
	}
	var on string
	for i := range 6 {
		w := []world{first, second}[i%2]
		run := cluster.Run{Cluster: "default", Definition: ref, Count: 1, Strategies: []placement.Strategy{{Type: placement.RoundRobin}}}
		on += w.run(run, 1)[0].Node[:1]
	}
	wantEqual(t, "machines", on, "abcabc")
}

// Tasks that belong together find each other, whether they came before anybody counted them or after.
func TestTasksOfATagShareAMachine(t *testing.T) {
	first, second := servers(t)
	ref := first.register("web", web())
	for _, name := range []byte("abcd") {
		first.join(name, 1024, 1024)
	}
	tagged := cluster.Run{Cluster: "default", Definition: ref, Count: 1, Tags: []cluster.Tag{{Key: "order", Value: "7"}}}
	node := first.run(tagged, 1)[0].Node
	tagged.Constraints = []placement.Constraint{{Type: placement.Together, Expression: "order"}}
	for i := range 6 {
		w := []world{first, second}[i%2]
		task := w.run(tagged, 1)[0]
		wantEqual(t, "machine of a task of order 7", task.Node, node)
		if i > 2 {
			_, err := w.Report(t.Context(), nodeapi.Report{Node: node, Tasks: []nodeapi.TaskReport{{ID: task.ID, Status: nodeapi.Stopped}}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// By however many tags tasks are counted, each request sees those of its own.
func TestManyTagsAreCountedBy(t *testing.T) {
	each(t, func(w world) {
		ref := w.register("web", web())
		for _, name := range []byte("abc") {
			w.join(name, 10_000, 10_000)
		}
		place := func(n int) string {
			key := fmt.Sprint("order-", n)
			started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1, Tags: []cluster.Tag{{Key: key, Value: "1"}},
				Constraints: []placement.Constraint{{Type: placement.Together, Expression: key}}})
			if err != nil || len(started.Tasks) != 1 {
				w.Errorf("started %+v, error %v", started, err)
				return ""
			}
			return started.Tasks[0].Node
		}
		const many = 30 // more than are counted at once
		var all sync.WaitGroup
		first := make([]string, many)
		for n := range first {
			all.Go(func() { first[n] = place(n) })
		}
		all.Wait()
		for n, node := range first {
			wantEqual(w.T, fmt.Sprint("machine of order ", n), place(n), node)
		}
	})
}

// What tasks have in common is there as long as one of them is.
func TestModelsAreKeptWhileTasksUseThem(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		task := w.runs(w.register("web", web()), 1)[0]
		models := func() (n int) {
			w.Helper()
			if err := w.db.Row(w.Context(), `select count(*) from task_models`).Scan(&n); err != nil {
				w.Fatal(err)
			}
			return n
		}
		w.runs(task.Ref, 3)
		wantEqual(w.T, "models of equal tasks", models(), 1)

		w.exec(`update task_models set used = 1 where used > $1`, 0)
		if err := w.Prune(w.Context()); err != nil {
			w.Fatal(err)
		}
		wantEqual(w.T, "models that are in use", models(), 1)
		wantEqual(w.T, "image", w.task(task.ID).Spec.Containers[0].Image, "example.com/web:1")

		w.exec(`delete from tasks where node = $1`, node.ID)
		if err := w.Prune(w.Context()); err != nil {
			w.Fatal(err)
		}
		wantEqual(w.T, "models that nobody uses", models(), 0)
		w.runs(task.Ref, 1)
		wantEqual(w.T, "models that are used again", models(), 1)
	})
}
