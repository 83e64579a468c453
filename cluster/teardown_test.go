package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
)

// A cluster goes with all that is in it: its machines are drained, what runs is stopped, the machines are
// let go, and it goes last. Its tasks stay as records. A machine of the whole account stays.
func TestAClusterGoesWithAllThatIsInIt(t *testing.T) {
	each(t, func(w world) {
		own, shared, tasks := w.doomed()
		w.deleteAll()
		for range 3 { // any number of passes, by whichever server
			w.pass()
		}
		if found, _, _ := w.Clusters(w.Context(), account, []string{"web"}); found[0].Status != cluster.Ending {
			t.Fatalf("it is %s while its tasks run", found[0].Status)
		}
		_, err := w.CreateCluster(w.Context(), account, "web", nil)
		wantErr(t, err, cluster.ErrClusterEnding)
		for _, task := range tasks {
			node := own
			if task.Node != own.ID {
				node = shared
			}
			node.Task(task.ID, true)
			node.Report(nodeapi.TaskReport{ID: task.ID, Status: nodeapi.Stopped, StoppedAt: time.Now()})
		}
		w.pass()
		w.pass()
		w.gone(own, tasks)
		wantEqual(t, "the machine of the whole account", w.instance(shared.ID).Status, cluster.Active)
		if _, err := w.CreateCluster(w.Context(), account, "web", nil); err != nil {
			t.Errorf("its name cannot be used again: %v", err)
		}
	})
}

// doomed is a cluster "web" with a machine of its own, one of the whole account, and a task on each.
func (w world) doomed() (own, shared *clustertest.Node, tasks []cluster.Task) {
	w.Helper()
	if _, err := w.CreateCluster(w.Context(), account, "web", []cluster.Tag{cluster.DeleteAll}); err != nil {
		w.Fatal(err)
	}
	hello := clustertest.Hello('a', 100, 100)
	hello.Cluster = "web"
	own, shared = clustertest.Join(w.T, w.Control, hello), w.join('b', 100, 100)
	started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "web", Definition: w.register("web", web()), Count: 2})
	if err != nil || len(started.Tasks) != 2 {
		w.Fatalf("%+v, %v", started, err)
	}
	slices.SortFunc(started.Tasks, func(a, b cluster.Task) int { return strings.Compare(a.Node, b.Node) }) // own's first
	return own, shared, started.Tasks
}

func (w world) deleteAll() {
	w.Helper()
	ending, err := w.DeleteCluster(w.Context(), account, "web")
	if err != nil || ending.Status != cluster.Ending {
		w.Fatalf("%+v, %v", ending, err)
	}
	_, err = w.RunTask(w.Context(), account, cluster.Run{Cluster: "web", Definition: taskdef.Ref{Family: "web"}, Count: 1})
	wantErr(w.T, err, cluster.ErrInactiveCluster)
}

// pass is one pass of the loop.
func (w world) pass() {
	w.Helper()
	if err := w.Leaving(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w world) gone(own *clustertest.Node, tasks []cluster.Task) {
	w.Helper()
	wantErr(w.T, own.Ended(), cluster.ErrDeregistered)
	found, _, err := w.Clusters(w.Context(), account, []string{"web"})
	if err != nil || found[0].Status != cluster.Inactive {
		w.Errorf("the cluster is %+v, %v", found, err)
	}
	over, missing, err := w.Tasks(w.Context(), account, "web", []string{tasks[0].ID, tasks[1].ID})
	if err != nil || len(missing) > 0 {
		w.Fatalf("missing %v, %v", missing, err)
	}
	for _, task := range over {
		_, reason := task.Stop()
		if task.Seen.Status != nodeapi.Stopped || !strings.HasPrefix(reason, "ClusterDeleted") || task.Seen.StoppedAt.IsZero() {
			w.Errorf("task %s is %s because of %q", task.ID, task.Seen.Status, reason)
		}
	}
	w.inOrder(own.ID, tasks)
}

// inOrder: the log tells the order in which things went.
func (w world) inOrder(machine string, tasks []cluster.Task) {
	w.Helper()
	var task string
	for _, t := range tasks {
		if t.Node == machine {
			task = t.ID
		}
	}
	kinds := w.happened("")
	if got, want := w.happened(machine), []string{"instance.connected", "instance.draining", "instance.deregistering", "instance.deregistered"}; !slices.Equal(got, want) {
		w.Errorf("of the machine: %v, want %v", got, want)
	}
	if got, want := w.happened(task), []string{"task.pending", "task.stop-requested", "task.stopped"}; !slices.Equal(got, want) {
		w.Errorf("of its task: %v, want %v", got, want)
	}
	order := []string{"cluster.deprovisioning", "instance.draining", "task.stop-requested", "instance.deregistering", "task.stopped", "instance.deregistered", "cluster.deleted"}
	at := -1
	for _, kind := range order {
		next := slices.Index(kinds, kind)
		if next <= at {
			w.Errorf("%s does not come after what it is to come after, in %v", kind, kinds)
		}
		at = next
	}
}

// Without the tag a cluster that is in use stays, as in ECS.
func TestAClusterInUseStays(t *testing.T) {
	each(t, func(w world) {
		w.create("web")
		hello := clustertest.Hello('a', 100, 100)
		hello.Cluster = "web"
		clustertest.Join(t, w.Control, hello)
		_, err := w.DeleteCluster(w.Context(), account, "web")
		wantErr(t, err, cluster.ErrClusterHasNodes)
	})
}
