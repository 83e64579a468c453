package cluster_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/nodeapi"
	"slipway/store"
)

// opened runs a task in whose containers commands may be run, on a node that says it runs.
func (w world) opened(node *clustertest.Node, ref taskdef.Ref) cluster.Task {
	w.Helper()
	started, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Count: 1, Exec: true})
	if err != nil || len(started.Tasks) != 1 {
		w.Fatalf("%+v, %v", started, err)
	}
	node.Run(started.Tasks[0].ID)
	return started.Tasks[0]
}

func (w world) admit(r cluster.ExecRequest) cluster.Admitted {
	w.Helper()
	a, err := w.Exec(w.Context(), account, r)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// stream waits for the i-th stream that the node is asked for.
func stream(t *testing.T, n *clustertest.Node, i int) nodeapi.Stream {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var all []nodeapi.Stream
		for _, f := range n.Frames() {
			all = append(all, f.Streams...)
		}
		if len(all) > i {
			return all[i]
		}
	}
	t.Fatalf("the node was not asked for stream %d", i)
	return nodeapi.Stream{}
}

func request(task cluster.Task) cluster.ExecRequest {
	return cluster.ExecRequest{Cluster: "default", Task: task.ID, Args: []string{"ps", "-ef"}, Terminal: true}
}

func TestExec(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1000, 1000)
		task := w.opened(node, w.register("web", web()))
		a := w.admit(request(task))
		if a.Container != "web" || a.Server != "127.0.0.1:4600" || !a.Task.Exec || a.URL() != "ws://127.0.0.1:4600/v1/data-channel/"+a.SessionID()+"?role=publish_subscribe" {
			w.Errorf("admitted as %+v", a)
		}

		var begun *cluster.Running
		var beginning sync.WaitGroup
		beginning.Go(func() {
			var err error
			if begun, err = w.Begin(w.Context(), a.SessionID(), a.Token); err != nil {
				w.Error(err)
			}
		})
		asked := stream(w.T, node, 0)
		if asked.Exec == nil || asked.Exec.Task != task.ID || asked.Exec.Container != "web" || !slices.Equal(asked.Exec.Args, []string{"ps", "-ef"}) || !asked.Exec.Terminal {
			w.Errorf("the node is asked for %+v", asked.Exec)
		}
		for _, wrong := range []nodeapi.StreamRequest{
			{Node: node.ID, ID: asked.ID, Secret: "x"},
			{Node: clustertest.Hello('b', 1, 1).Node, ID: asked.ID, Secret: asked.Secret},
			{Node: node.ID, ID: a.ID, Secret: asked.Secret},
		} {
			if _, err := w.Stream(w.Context(), wrong); !errors.Is(err, cluster.ErrNoSession) {
				w.Errorf("%+v opens a stream: %v", wrong, err)
			}
		}
		theirs, err := w.Stream(w.Context(), nodeapi.StreamRequest{Node: node.ID, ID: asked.ID, Secret: asked.Secret})
		if err != nil {
			w.Fatal(err)
		}
		line := nodeapi.NewLine(theirs)
		defer line.Close()
		beginning.Wait()
		go line.Send(nodeapi.Stdout, []byte("PID"))
		if kind, piece, err := begun.Receive(); kind != nodeapi.Stdout || string(piece) != "PID" || err != nil {
			w.Errorf("%d %q %v", kind, piece, err)
		}
		begun.Close()
		if _, _, err := line.Receive(); err == nil {
			w.Error("the node is not told of the end")
		}
		if _, err := w.Stream(w.Context(), nodeapi.StreamRequest{Node: node.ID, ID: asked.ID, Secret: asked.Secret}); !errors.Is(err, cluster.ErrNoSession) {
			w.Errorf("a stream is opened twice: %v", err)
		}
	})
}

// A token is good once, for a minute, and for its own session; what is wrong is not told.
func TestExecTokens(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1000, 1000)
		task := w.opened(node, w.register("web", web()))
		one, other := w.admit(request(task)), w.admit(request(task))
		late := w.admit(request(task))
		err := w.db.Update(w.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update execs set created = $2 where id = $1`, late.ID, store.Micros(tx.Now.Add(-2*time.Minute)))
			return err
		})
		if err != nil {
			w.Fatal(err)
		}
		node.Leave() // so that none that is taken begins
		for _, c := range []struct {
			id, token string
			want      error
		}{
			{one.ID, "", cluster.ErrNoSession},
			{one.ID, other.Token, cluster.ErrNoSession},
			{late.ID, late.Token, cluster.ErrNoSession},
			{"x", one.Token, cluster.ErrNoSession},
			{one.ID + "\x00", one.Token, cluster.ErrNoSession},
			{one.ID, one.Token, cluster.ErrNotConnected}, // it is taken
			{one.ID, one.Token, cluster.ErrNoSession},
		} {
			if _, err := w.Begin(w.Context(), c.id, c.token); !errors.Is(err, c.want) {
				w.Errorf("%q with %q: %v, want %v", c.id, c.token, err, c.want)
			}
		}
		err = w.db.View(w.Context(), func(tx *store.Tx) error {
			var found int
			if err := tx.Row(`select count(*) from execs where token = $1`, one.Token).Scan(&found); err != nil {
				return err
			}
			if found > 0 {
				w.Error("a token is kept as it is")
			}
			return nil
		})
		if err != nil {
			w.Error(err)
		}
	})
}

func TestWhereNothingCanBeRun(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1000, 1000)
		spec := web()
		spec.Containers = append(spec.Containers, taskdef.Container{Name: "side", Image: "example.com/side:1", CPU: 10, Memory: new(10)})
		two := w.register("two", spec)
		open, shut := w.opened(node, two), w.runs(two, 1)[0]
		node.Run(shut.ID)
		over := w.opened(node, two)
		node.Exit(over.ID, 0)
		starting, err := w.RunTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: two, Count: 1, Exec: true})
		if err != nil {
			w.Fatal(err)
		}
		for _, c := range []struct {
			account, task, container string
			args                     []string
			want                     error
		}{
			{account, open.ID, "", []string{"ps"}, cluster.ErrInvalid},
			{account, open.ID, "web", nil, cluster.ErrInvalid},
			{account, open.ID, "web", []string{string(make([]byte, 40<<10))}, cluster.ErrInvalid},
			{account, open.ID, "three", []string{"ps"}, cluster.ErrNoContainer},
			{account, shut.ID, "web", []string{"ps"}, cluster.ErrExecDisabled},
			{account, over.ID, "web", []string{"ps"}, cluster.ErrNotRunning},
			{account, starting.Tasks[0].ID, "web", []string{"ps"}, cluster.ErrNotRunning},
			{account, "0123456789abcdef0123456789abcdef", "web", []string{"ps"}, cluster.ErrNoTask},
			{"210987654321", open.ID, "web", []string{"ps"}, cluster.ErrNoCluster},
		} {
			_, err := w.Exec(w.Context(), c.account, cluster.ExecRequest{Cluster: "default", Task: c.task, Container: c.container, Args: c.args})
			if !errors.Is(err, c.want) {
				w.Errorf("%+v: %v, want %v", c, err, c.want)
			}
		}
		// A foreign task is one that is not there.
		if _, err := w.CreateCluster(w.Context(), "210987654321", "default", nil); err != nil {
			w.Fatal(err)
		}
		if _, err := w.Exec(w.Context(), "210987654321", cluster.ExecRequest{Cluster: "default", Task: open.ID, Container: "web", Args: []string{"ps"}}); !errors.Is(err, cluster.ErrNoTask) {
			w.Errorf("another account's task: %v", err)
		}
		if all, err := w.Usage(w.Context(), "210987654321", "default", []string{open.ID}, 2*time.Second); err != nil || len(all) > 0 {
			w.Errorf("what another account's task uses: %v, %v", all, err)
		}
		node.Leave()
		r := request(open)
		r.Container = "web"
		if _, err := w.Exec(w.Context(), account, r); !errors.Is(err, cluster.ErrNotConnected) {
			w.Errorf("while its node is away: %v", err)
		}
	})
}

// A node has so many sessions and no more, and each that ends leaves its place.
func TestSessionsAreBounded(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1000, 1000)
		task := w.opened(node, w.register("web", web()))
		begin := func() (*cluster.Running, error) {
			a := w.admit(request(task))
			return w.Begin(w.Context(), a.ID, a.Token)
		}
		ctx, stop := context.WithCancel(w.Context())
		var answering sync.WaitGroup
		answering.Go(func() { answerStreams(ctx, w, node) })
		var open []*cluster.Running
		for range cluster.MaxStreams {
			r, err := begin()
			if err != nil {
				w.Fatal(err)
			}
			open = append(open, r)
		}
		if _, err := begin(); !errors.Is(err, cluster.ErrTooManySessions) {
			w.Errorf("one more: %v", err)
		}
		open[0].Close()
		open[0].Close()
		r, err := begin()
		if err != nil {
			w.Errorf("after one has ended: %v", err)
		} else {
			open = append(open, r)
		}
		if _, err := begin(); !errors.Is(err, cluster.ErrTooManySessions) {
			w.Errorf("one more than may be: %v", err)
		}
		for _, r := range open {
			r.Close()
		}
		stop()
		answering.Wait()
	})
}

// answerStreams opens every stream that the node is asked for.
func answerStreams(ctx context.Context, w world, n *clustertest.Node) {
	answered := map[string]bool{}
	for ctx.Err() == nil {
		for _, f := range n.Frames() {
			for _, s := range f.Streams {
				if answered[s.ID] {
					continue
				}
				answered[s.ID] = true
				rw, err := w.Stream(ctx, nodeapi.StreamRequest{Node: n.ID, ID: s.ID, Secret: s.Secret})
				if err != nil {
					w.Error(err)
					continue
				}
				context.AfterFunc(ctx, func() { rw.Close() })
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func TestUsageSessions(t *testing.T) {
	each(t, func(w world) {
		first, second := w.join('a', 1000, 1000), w.join('b', 1000, 1000)
		ref := w.register("web", web())
		tasks := map[string]string{}
		for _, node := range []*clustertest.Node{first, second} {
			started, err := w.StartTask(w.Context(), account, cluster.Run{Cluster: "default", Definition: ref, Nodes: []string{node.ID}})
			if err != nil || len(started.Tasks) != 1 {
				w.Fatalf("%+v, %v", started, err)
			}
			node.Run(started.Tasks[0].ID)
			tasks[node.ID] = started.Tasks[0].ID
		}
		all, err := w.Usage(w.Context(), account, "default", []string{tasks[first.ID], tasks[second.ID], "nobody"}, 2*time.Second)
		if err != nil || len(all) != 2 {
			w.Fatalf("%d sessions, %v; want one for each node", len(all), err)
		}
		var beginning sync.WaitGroup
		for _, a := range all {
			beginning.Go(func() {
				r, err := w.Begin(w.Context(), a.ID, a.Token)
				if err != nil {
					w.Error(err)
					return
				}
				r.Close()
			})
		}
		for _, node := range []*clustertest.Node{first, second} {
			s := stream(w.T, node, 0)
			if s.Stats == nil || !slices.Equal(s.Stats.Tasks, []string{tasks[node.ID]}) || s.Stats.Period != 2*time.Second {
				w.Errorf("node %s is asked for %+v", node.ID, s.Stats)
			}
			rw, err := w.Stream(w.Context(), nodeapi.StreamRequest{Node: node.ID, ID: s.ID, Secret: s.Secret})
			if err != nil {
				w.Fatal(err)
			}
			defer rw.Close()
		}
		beginning.Wait()
		for _, period := range []time.Duration{0, time.Hour} {
			if _, err := w.Usage(w.Context(), account, "default", []string{"x"}, period); !errors.Is(err, cluster.ErrInvalid) {
				w.Errorf("every %v: %v", period, err)
			}
		}
		if _, err := w.Usage(w.Context(), account, "default", slices.Repeat([]string{"x"}, 101), time.Second); !errors.Is(err, cluster.ErrInvalid) {
			w.Errorf("of too many: %v", err)
		}
	})
}

// Without a line to the node nobody waits: the session is refused, and its place is free.
func TestANodeThatGoes(t *testing.T) {
	each(t, func(w world) {
		node := w.join('a', 1000, 1000)
		task := w.opened(node, w.register("web", web()))
		a := w.admit(request(task))
		ctx, giveUp := context.WithCancel(w.Context())
		ended := make(chan error)
		go func() { _, err := w.Begin(ctx, a.ID, a.Token); ended <- err }()
		s := stream(w.T, node, 0)
		giveUp() // who asked is gone before the node has come
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.Errorf("ended with %v", err)
		}
		if _, err := w.Stream(w.Context(), nodeapi.StreamRequest{Node: node.ID, ID: s.ID, Secret: s.Secret}); !errors.Is(err, cluster.ErrNoSession) {
			w.Errorf("it comes late: %v", err)
		}
	})
}

// Of several servers the one with the node's session is named, and it alone begins the session.
func TestExecOfSeveralServers(t *testing.T) {
	each(t, func(w world) {
		second, err := cluster.New(w.Context(), w.db, cluster.Config{
			Account: account, Region: region, Registry: "192.0.2.2:4600", Images: w.images, Logs: w.logs, Roles: w.roles,
		})
		if err != nil {
			w.Fatal(err)
		}
		node := clustertest.Join(w.T, second, clustertest.Hello('a', 1000, 1000))
		task := w.opened(node, w.register("web", web()))
		here, there := w.admit(request(task)), w.admit(request(task))
		if there.Server != "192.0.2.2:4600" {
			w.Errorf("the session is at %s", there.Server)
		}
		if _, err := w.Begin(w.Context(), here.ID, here.Token); !errors.Is(err, cluster.ErrNotConnected) {
			w.Errorf("at the server without a line to the node: %v", err)
		}
		begun := make(chan error)
		go func() {
			r, err := second.Begin(w.Context(), there.ID, there.Token)
			if err == nil {
				r.Close()
			}
			begun <- err
		}()
		asked := stream(w.T, node, 0)
		rw, err := second.Stream(w.Context(), nodeapi.StreamRequest{Node: node.ID, ID: asked.ID, Secret: asked.Secret})
		if err != nil {
			w.Fatal(err)
		}
		defer rw.Close()
		if err := <-begun; err != nil {
			w.Error(err)
		}
	})
}
