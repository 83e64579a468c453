package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/cluster"
	"slipway/cluster/clustertest"
	"slipway/cluster/taskdef"
	"slipway/ingress"
	"slipway/nodeapi"
	"slipway/store"
	"slipway/store/storetest"
)

// machine is a node whose tasks are servers in this process, each on a port of its own.
type machine struct {
	node  *clustertest.Node
	tasks map[string]*httptest.Server
	done  map[string]bool
}

// obey starts and stops what is wanted, until ctx ends.
func (m *machine) obey(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		for _, frame := range m.node.Frames() {
			for _, t := range frame.Tasks {
				if key := fmt.Sprint(t.ID, t.Stop); !m.done[key] {
					m.done[key] = true
					m.do(t)
				}
			}
		}
	}
	for _, server := range m.tasks {
		server.Close()
	}
}

func (m *machine) do(t nodeapi.Task) {
	if t.Stop {
		if server := m.tasks[t.ID]; server != nil {
			server.Close()
		}
		m.node.Report(clustertest.Halted(t))
		return
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, t.ID) }))
	m.tasks[t.ID] = server
	r := clustertest.Running(t)
	r.Containers[0].Ports = []nodeapi.Port{{Container: 80, Host: server.Listener.Addr().(*net.TCPAddr).Port, Protocol: "tcp"}}
	m.node.Report(r)
}

// balanced makes a load balancer with a listener, and returns its target group and port.
func balanced(t *testing.T, s *Server, account string) (group string, port int) {
	t.Helper()
	ctx := t.Context()
	b, err := s.ingress.CreateBalancer(ctx, ingress.Balancer{Account: account, Name: "web", Type: ingress.Application, Scheme: "internal"})
	must(t, err)
	g, err := s.ingress.CreateGroup(ctx, ingress.Group{Account: account, Name: "web", Protocol: ingress.HTTP, Version: ingress.HTTP1, Port: 80, By: ingress.ByIP, Check: ingress.DefaultCheck(ingress.HTTP, ingress.HTTP1)})
	must(t, err)
	for try := 0; ; try++ {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		port := free.Addr().(*net.TCPAddr).Port
		free.Close()
		_, err = s.ingress.CreateListener(ctx, ingress.Listener{Account: account, Balancer: b.ARN, Port: port, Protocol: ingress.HTTP,
			Actions: []ingress.Action{{Type: ingress.Forward, Groups: []ingress.Share{{Group: g.ARN, Weight: 1}}}}})
		if err == nil {
			return g.ARN, port
		}
		if try == 5 {
			t.Fatal(err)
		}
	}
}

// A service gives its tasks' ports to a target group; while all of its tasks are replaced by new ones no request is
// lost.
func TestARollingUpdateLosesNoRequest(t *testing.T) {
	s := open(t, nil)
	run(t, s)
	ctx, account := t.Context(), s.root.Owner.Account
	m := &machine{node: clustertest.Join(t, s.Node(), clustertest.Hello('a', 4096, 4096)), tasks: map[string]*httptest.Server{}, done: map[string]bool{}}
	obeying, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { m.obey(obeying) })
	defer running.Wait()
	defer stop()

	group, port := balanced(t, s, account)
	_, err := s.cluster.CreateCluster(ctx, account, "c", nil)
	must(t, err)
	spec := taskdef.Spec{Containers: []taskdef.Container{{Name: "main", Image: "busybox", Essential: true, Memory: new(64), Ports: []taskdef.Port{{Container: 80, Protocol: "tcp"}}}}}
	_, err = s.cluster.Register(ctx, account, "", "web", spec, nil)
	must(t, err)
	service := cluster.NewService{Cluster: "c", Name: "web"}
	service.Definition, service.Desired, service.MinPercent, service.MaxPercent = taskdef.Ref{Family: "web"}, 2, 100, 200
	service.Balancers = []cluster.LoadBalancer{{TargetGroup: group, Container: "main", Port: 80}}
	_, err = s.cluster.CreateService(ctx, account, service)
	must(t, err)

	client, url := &http.Client{}, fmt.Sprintf("http://127.0.0.1:%d/", port)
	ask := func() (string, error) {
		res, err := client.Get(url)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s", res.Status)
		}
		return string(body), err
	}
	answering := func(without map[string]bool) map[string]bool {
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			seen, stale := map[string]bool{}, false
			for range 8 {
				if task, err := ask(); err == nil {
					seen[task] = true
					stale = stale || without[task]
				}
			}
			if len(seen) == 2 && !stale {
				return seen
			}
			if time.Now().After(deadline) {
				t.Fatalf("answered by %v, without %v", seen, without)
			}
		}
	}
	first := answering(nil)
	var asked, lost atomic.Int64
	hammering, end := context.WithCancel(ctx)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ; hammering.Err() == nil; asked.Add(1) {
				if _, err := ask(); err != nil {
					lost.Add(1)
					t.Errorf("a request was lost: %v", err)
					return
				}
			}
		})
	}
	_, err = s.cluster.UpdateService(ctx, account, "c", "web", cluster.ServiceUpdate{Force: true})
	must(t, err)
	answering(first)
	end()
	clients.Wait()
	t.Logf("%d requests, %d lost", asked.Load(), lost.Load())
}

// A server that says that it is ready has its load balancers listen, however long it takes to learn of them.
func TestLoadBalancersListenOnceTheServerIsReady(t *testing.T) {
	url := storetest.PostgresURL(t)
	s := open(t, func(c *Config) { c.Store = url })
	data, stop := s.config.Data, start(t, s)
	_, port := balanced(t, s, s.root.Owner.Account)
	stop()

	s = open(t, func(c *Config) { c.Data, c.Store = data, url })
	unlock := lock(t, s.db, "ingress_listeners")
	stop = start(t, s)
	defer stop()
	time.AfterFunc(300*time.Millisecond, unlock)
	if status, body := get(t, s.api, "/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, body)
	}
	line, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("the server is ready, and its load balancer is not: %v", err)
	}
	line.Close()
}

// lock keeps everybody from a table of a PostgreSQL until it is unlocked.
func lock(t *testing.T, db *store.DB, table string) (unlock func()) {
	t.Helper()
	locked, over := make(chan struct{}), make(chan struct{})
	tried := sync.OnceFunc(func() { close(locked) })
	var holding sync.WaitGroup
	holding.Go(func() {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			if _, err := tx.Exec(`lock table ` + table + ` in access exclusive mode`); err != nil {
				return err
			}
			tried()
			<-over
			return nil
		})
		tried()
		if err != nil {
			t.Errorf("lock table %s: %v", table, err)
		}
	})
	<-locked
	return func() { close(over); holding.Wait() }
}
