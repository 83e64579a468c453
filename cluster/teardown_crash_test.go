package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

// killed is a context that ends when it has been asked so many times whether it has: the database asks before
// every transaction and every statement, so a server can be killed before each in turn.
type killed struct {
	context.Context
	mu    sync.Mutex
	asked int
	at    int // 0: never
	over  chan struct{}
}

func killAt(ctx context.Context, at int) *killed {
	return &killed{Context: ctx, at: at, over: make(chan struct{})}
}

func (k *killed) Done() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked++; k.asked == k.at {
		close(k.over)
	}
	return k.over
}

func (k *killed) Err() error {
	select {
	case <-k.over:
		return context.Canceled
	default:
		return nil
	}
}

// gates takes note of whose right to join was ended.
type gates struct {
	mu     sync.Mutex
	closed []string
}

func (g *gates) Forget(ctx context.Context, node string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = append(g.closed, node)
	return nil
}

func (w world) withGates(g *gates) world {
	w.Helper()
	c, err := cluster.New(w.Context(), w.db, cluster.Config{Account: account, Region: region, Registry: "127.0.0.1:4600", Images: w.images, Logs: w.logs, Roles: w.roles, Vault: w.roles.Vault, Nodes: g})
	if err != nil {
		w.Fatal(err)
	}
	w.Control = c
	return w
}

// A server that ends a cluster is killed at every step in turn, and another goes on: it always comes out the same,
// and everything is told once.
func TestATeardownMayBeCutOffAnywhere(t *testing.T) {
	// What is cut off within a transaction leaves nothing, so it is enough to stop once or twice in each.
	strides := map[string]int{"sqlite": 7, "postgres": 41}
	each(t, func(w world) {
		g := &gates{}
		w = w.withGates(g)
		shared, ref := w.join('f', 1<<20, 1<<20), w.register("web", web())
		for at := 1; ; at += strides[w.db.Dialect()] {
			k := killAt(w.Context(), at)
			d := w.doom(fmt.Sprint("web-", at), fmt.Sprintf("%032x", at), shared, ref)
			d.end(k)
			d.ended(at, g)
			if t.Failed() || k.asked < at {
				t.Logf("of %d steps", k.asked)
				return
			}
		}
	})
}

// doomed is a cluster with a machine of its own, a machine that it shares, and a task on each.
type doomed struct {
	world
	name   string
	own    *clustertest.Node
	shared *clustertest.Node
	tasks  []cluster.Task
}

func (w world) doom(name, node string, shared *clustertest.Node, ref taskdef.Ref) doomed {
	w.Helper()
	if _, err := w.CreateCluster(w.Context(), account, name, []cluster.Tag{cluster.DeleteAll}); err != nil {
		w.Fatal(err)
	}
	hello := clusterHello('a', name)
	hello.Node = node
	d := doomed{w, name, w.joins(hello), shared, nil}
	started, err := w.StartTask(w.Context(), account, cluster.Run{Cluster: name, Definition: ref, Nodes: []string{node, shared.ID}})
	if err != nil || len(started.Tasks) != 2 {
		w.Fatalf("%+v, %v", started, err)
	}
	d.tasks = started.Tasks
	return d
}

// end ends the cluster by a server that is killed on the way, and by another.
func (d doomed) end(k *killed) {
	d.Helper()
	for _, ctx := range []context.Context{k, d.Context()} {
		if _, err := d.DeleteCluster(ctx, account, d.name); err != nil && ctx == d.Context() {
			d.Fatal(err)
		}
	}
	d.Leaving(k)
	d.Leaving(k)
	d.pass()
	for _, task := range d.tasks {
		node := d.own
		if task.Node != node.ID {
			node = d.shared
		}
		node.Task(task.ID, true)
		node.Report(nodeapi.TaskReport{ID: task.ID, Status: nodeapi.Stopped, StoppedAt: time.Now()})
	}
	d.Leaving(k)
	d.Leaving(k)
	d.pass()
	d.pass()
}

// ended: however often it was begun.
func (d doomed) ended(at int, g *gates) {
	d.Helper()
	wantErr(d.T, d.own.Ended(), cluster.ErrDeregistered)
	found, _, err := d.Clusters(d.Context(), account, []string{d.name})
	if err != nil || found[0].Status != cluster.Inactive || found[0].Instances+found[0].Running+found[0].Pending > 0 {
		d.Errorf("killed at %d: the cluster is %+v, %v", at, found, err)
	}
	over, _, err := d.Tasks(d.Context(), account, d.name, []string{d.tasks[0].ID, d.tasks[1].ID})
	if err != nil || len(over) != 2 {
		d.Fatalf("killed at %d: %+v, %v", at, over, err)
	}
	for _, task := range over {
		if _, reason := task.Stop(); task.Seen.Status != nodeapi.Stopped || !strings.HasPrefix(reason, "ClusterDeleted") {
			d.Errorf("killed at %d: task %s is %s because of %q", at, task.ID, task.Seen.Status, reason)
		}
		d.told(at, task.ID, "task.pending", "task.stop-requested", "task.stopped")
	}
	d.told(at, d.own.ID, "instance.connected", "instance.draining", "instance.deregistering", "instance.deregistered")
	d.told(at, "cluster/"+d.name, "cluster.created", "cluster.deprovisioning", "cluster.deleted")
	if !slices.Contains(g.closed, d.own.ID) || slices.Contains(g.closed, d.shared.ID) {
		d.Errorf("killed at %d: who may not join any more: %v", at, g.closed)
	}
	wantEqual(d.T, "the machine of the whole account", d.instance(d.shared.ID).Status, cluster.Active)
}

func (d doomed) told(at int, subject string, want ...string) {
	d.Helper()
	if got := d.happened(subject); !slices.Equal(got, want) {
		d.Errorf("killed at %d: of %s is told %v, want %v", at, subject, got, want)
	}
}

// Two servers are at the same cluster. What the slower one means to do, when the faster has done it and the name
// and the machine are in use anew, it does not do.
func TestASlowServerEndsNothingNew(t *testing.T) {
	each(t, func(w world) {
		g := &gates{}
		w = w.withGates(g)
		ref := w.register("web", web())
		d := w.doom("web", nodeA, w.join('f', 1000, 1000), ref)
		d.end(killAt(w.Context(), 0))
		w.create("web")
		hello := clusterHello('a', "web")
		hello.Since = time.Now().Add(time.Second)
		w.joins(hello)
		if err := w.Teardown(w.Context(), account, "web"); err != nil {
			t.Fatal(err)
		}
		if err := w.Leave(w.Context(), cluster.Instance{ID: nodeA, Account: account, Cluster: "web", Status: cluster.Deregistering}); err != nil {
			t.Fatal(err)
		}
		found, _, err := w.Clusters(w.Context(), account, []string{"web"})
		if err != nil || found[0].Status != cluster.Active {
			t.Errorf("the new cluster is %+v, %v", found, err)
		}
		wantEqual(t, "the machine", w.instanceIn("web", nodeA).Status, cluster.Active)
		wantEqual(t, "how often its right to join was ended", len(g.closed), 1)
	})
}

func (w world) instanceIn(name, id string) cluster.Instance {
	w.Helper()
	found, _, err := w.Instances(w.Context(), account, name, []string{id})
	if err != nil || len(found) != 1 {
		w.Fatalf("%+v, %v", found, err)
	}
	return found[0]
}

// A machine that comes to serve another cluster is told nothing of the tasks of the one that it served; they go
// with that cluster even so.
func TestAMachineThatServesAnotherCluster(t *testing.T) {
	each(t, func(w world) {
		w.create("dev", "prod")
		n := w.joins(clusterHello('a', "prod"))
		ref := w.register("web", web())
		started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "prod", Definition: ref, Count: 1})
		if err != nil || len(started.Tasks) != 1 {
			t.Fatalf("%+v, %v", started, err)
		}
		n.Leave()
		err = w.Session(w.Context(), clusterHello('a', "dev"), func(nodeapi.Frame) error { return nil })
		wantText(t, err, cluster.ErrNode, "tasks of another cluster")
		whole := clusterHello('a', "")
		back := w.joins(whole)
		back.Task(started.Tasks[0].ID, false)
		back.Report(nodeapi.TaskReport{ID: started.Tasks[0].ID, Status: nodeapi.Stopped})
		back.Leave()
		w.joins(clusterHello('a', "dev"))
	})
}

// What was said of a machine is not said of the one that it comes back as.
func TestWhatWasSaidGoesWithTheInstance(t *testing.T) {
	each(t, func(w world) {
		n := w.join('a', 1000, 1000)
		if err := w.PutAttributes(w.Context(), account, "default", []cluster.Attribute{{Node: nodeA, Name: "rack", Value: "r1"}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Tag(w.Context(), account, cluster.InstanceARN(region, account, "default", nodeA), []cluster.Tag{{Key: "a", Value: "b"}}); err != nil {
			t.Fatal(err)
		}
		gone, err := w.DeregisterInstance(w.Context(), account, "default", nodeA, false)
		if err != nil || gone.Status != cluster.Inactive || gone.Attributes["rack"] != "r1" || len(gone.Tags) != 1 {
			t.Errorf("it went as %+v, %v", gone, err)
		}
		n.Ended()
		w.comesBack()
		if back := w.instance(nodeA); back.Attributes["rack"] != "" || len(back.Tags) > 0 {
			t.Errorf("it came back as %+v", back)
		}
	})
}

// Once a machine is drained nothing comes to it any more, whoever runs tasks at that moment.
func TestDrainingWhileTasksAreRun(t *testing.T) {
	each(t, func(w world) {
		w.join('a', 1<<20, 1<<20)
		ref := w.register("web", web())
		count := func() (n int) {
			for _, h := range w.instance(nodeA).Held {
				n += h.Tasks
			}
			return n
		}
		var running sync.WaitGroup
		for range 64 {
			running.Go(func() {
				if _, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1}); err != nil {
					t.Error(err)
				}
			})
		}
		if _, _, err := w.SetInstanceState(w.Context(), account, "default", []string{nodeA, nodeA}, cluster.Draining); err != nil {
			t.Error(err)
		}
		then := count()
		running.Wait()
		wantEqual(t, "how many tasks it has", count(), then)
		if got, want := w.happened(nodeA), []string{"instance.connected", "instance.draining"}; !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
	})
}
