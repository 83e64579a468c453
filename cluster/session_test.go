package cluster_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

func TestASessionBeginsWithAllThatIsWanted(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		first := node.Frames()[0]
		if first.Welcome == nil || *first.Welcome != (nodeapi.Welcome{Account: account, Region: region, Registry: "127.0.0.1:4600", Session: node.Session()}) || !first.Complete {
			w.Errorf("the first frame is %+v", first)
		}
		tasks := w.runs(w.register("web", web()), 4)
		node.Run(tasks[0].ID)
		node.Exit(tasks[1].ID, 0)
		if _, err := w.StopTask(w.Context(), account, "default", tasks[2].ID, "enough"); err != nil {
			w.Fatal(err)
		}
		if err := node.Leave(); err != nil {
			w.Errorf("a session whose context ended fails with %v", err)
		}

		again := w.join('a', 1024, 1024).Frames()[0]
		told := map[string]bool{}
		for _, task := range again.Tasks {
			told[task.ID] = task.Stop
		}
		if len(told) != 3 || told[tasks[0].ID] || !told[tasks[2].ID] || told[tasks[3].ID] || !again.Complete {
			w.Errorf("after joining anew the node is told of %v", told)
		}
		wantEqual(w.T, "joins", w.instance(node.ID).Joins, 2)
	})
}

func TestWhatANodeIsToldOfATask(t *testing.T) {
	each(t, func(w world) {
		spec := web()
		c := &spec.Containers[0]
		c.Entrypoint, c.Command, c.User, c.WorkingDir, c.Hostname = []string{"/bin/sh"}, []string{"-c", "true"}, "www", "/srv", "web"
		c.Env = []taskdef.Variable{{Name: "A", Value: "x=y"}}
		c.Ports = []taskdef.Port{{Container: 80, Host: 8080, Protocol: "tcp"}}
		c.MemoryReservation, c.StopTimeout = new(50), new(5)
		c.Log = &taskdef.Log{Driver: "awslogs", Options: map[string]string{"awslogs-group": "/web", "awslogs-stream-prefix": "front"}}
		spec.Containers = append(spec.Containers, taskdef.Container{Name: "side", Image: "side", Memory: new(10)})
		node := w.join('a', 1024, 1024)
		id := w.runs(w.register("web", spec), 1)[0].ID

		got := node.Task(id, false)

		if got.ARN != cluster.TaskARN(region, account, "default", id) || got.Cluster != "default" || got.Family != "web" || got.Revision != 1 {
			w.Errorf("the task is %+v", got)
		}
		main, side := got.Containers[0], got.Containers[1]
		if !slices.Equal(main.Entrypoint, c.Entrypoint) || !slices.Equal(main.Command, c.Command) || !slices.Equal(main.Env, []string{"A=x=y"}) ||
			main.User != "www" || main.WorkingDir != "/srv" || main.Hostname != "web" || !main.Essential ||
			main.CPU != 100 || main.Memory != 100 || main.MemoryReservation != 50 || main.StopTimeout != 5*time.Second {
			w.Errorf("the container is %+v", main)
		}
		if !slices.Equal(main.Ports, []nodeapi.Port{{Container: 80, Host: 8080, Protocol: "tcp"}}) || *main.Log != (nodeapi.Log{Group: "/web", Stream: "front/web/" + id}) {
			w.Errorf("the container has ports %v and log %v", main.Ports, main.Log)
		}
		if side.Essential || side.StopTimeout != 30*time.Second || *side.Log != (nodeapi.Log{Group: "/slipway/default", Stream: "web/side/" + id, CreateGroup: true}) {
			w.Errorf("the second container is %+v with log %v", side, side.Log)
		}
	})
}

func TestANewerSessionEndsTheOlder(t *testing.T) {
	each(t, func(w world) {
		old := w.join('a', 1024, 1024)
		w.join('a', 512, 512)
		wantErr(w.T, old.Ended(), cluster.ErrReplaced)
		i := w.instance(old.ID)
		if !i.Connected || i.CPU != 512 {
			w.Errorf("the instance is %+v", i)
		}
	})
}

func TestANodeThatLeavesIsDisconnected(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1024, 1024)
		task := w.runs(w.register("web", web()), 1)[0]
		if err := node.Leave(); err != nil {
			w.Fatal(err)
		}
		if w.instance(node.ID).Connected || w.task(task.ID).Connected {
			w.Error("it is still connected")
		}
		wantEqual(w.T, "what its task waits in", w.task(task.ID).Seen.Status, nodeapi.Pending)
		if got := w.happened(node.ID); !slices.Equal(got, []string{"instance.connected", "instance.disconnected"}) {
			w.Errorf("events %v", got)
		}
	})
}

func TestASessionEndsWhenTheLineBreaks(t *testing.T) {
	each(t, func(w world) {
		broken := errors.New("broken pipe")
		err := w.Session(w.Context(), clustertest.Hello('a', 1024, 1024), func(nodeapi.Frame) error { return broken })
		wantErr(w.T, err, broken)
	})
}

func TestHellosThatMakeNoSense(t *testing.T) {
	each(t, func(w world) {
		send := func(nodeapi.Frame) error { w.Error("it was welcomed"); return nil }
		for _, c := range []struct {
			spoil func(h *nodeapi.Hello)
			cause error
			names string
		}{
			{func(h *nodeapi.Hello) { h.Node = "me" }, cluster.ErrNode, `"me"`},
			{func(h *nodeapi.Hello) { h.CPU = 0 }, cluster.ErrNode, "cpu 0"},
			{func(h *nodeapi.Hello) { h.Memory = -1 }, cluster.ErrNode, "memory -1"},
			{func(h *nodeapi.Hello) { h.Engine = "\x00" }, cluster.ErrNode, `"\x00"`},
			{func(h *nodeapi.Hello) { h.Cluster = "nope" }, cluster.ErrNoCluster, "nope"},
		} {
			hello := clustertest.Hello('a', 1024, 1024)
			c.spoil(&hello)
			wantText(w.T, w.Session(w.Context(), hello, send), c.cause, c.names)
		}
	})
}

// restless is a world whose sessions prove that they are alive all the time.
func restless(t *testing.T, db *store.DB) world {
	t.Helper()
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(t.Context(), db, cluster.Config{Account: account, Region: region, Images: &clustertest.Images{}, Logs: &clustertest.Logs{}, KeepAlive: time.Millisecond, KeepStopped: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return world{T: t, Control: c, db: db}
}

func TestEmptyFramesShowThatTheLineIsAlive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { restless(t, db).join('a', 1024, 1024).Empty() })
}

func TestSessionsOfAServerThatDiedGoStale(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		silent := newWorld(t, db) // its sessions say nothing for ten seconds at a time
		node := silent.join('a', 1024, 1024)
		w := restless(t, db) // and here that is long
		for silent.instance(node.ID).Connected {
			if err := w.DropStale(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := node.Ended(); err == nil || errors.Is(err, cluster.ErrReplaced) {
			t.Errorf("a session that was taken for dead ends with %v: it must be worth another try", err)
		}
	})
}

func TestLoopsEndWithTheirContext(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		newWorld(t, db).Control.Run(ctx)
	})
}

func TestWhatIsOverForLongIsForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := restless(t, db)
		node := w.join('a', 1024, 1024)
		run := cluster.Run{Cluster: "default", Definition: w.register("web", web()), Count: 2, Tags: []cluster.Tag{{Key: "a", Value: "b"}}, Token: "t"}
		started, err := w.RunTask(t.Context(), account, run)
		if err != nil {
			t.Fatal(err)
		}
		over, going := started.Tasks[0].ID, started.Tasks[1].ID
		node.Exit(over, 0)
		if err := w.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, missing, err := w.Tasks(t.Context(), account, "default", []string{over, going})
		if err != nil || !slices.Equal(missing, []string{over}) {
			t.Errorf("forgotten are %v, error %v", missing, err)
		}
		if got := w.happened(over); !slices.Contains(got, "task.stopped") {
			t.Errorf("the events that are left are %v", got)
		}
		again, err := w.RunTask(t.Context(), account, run)
		if err != nil || len(again.Tasks) != 2 || again.Tasks[0].ID == over {
			t.Errorf("with the forgotten token: %v, error %v", again.Tasks, err)
		}
	})
}
