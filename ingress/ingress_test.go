package ingress_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"slipway/ingress"
	"slipway/ingress/proxy"
	"slipway/store"
	"slipway/store/storetest"
)

const account = "123456789012"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start runs a room of one server, whose listeners bind to a host.
func start(t *testing.T, db *store.DB, bind string, change ...func(*ingress.Config)) *ingress.Control {
	t.Helper()
	config := ingress.Config{Region: "us-east-1", Bind: bind}
	for _, f := range change {
		f(&config)
	}
	c, err := ingress.New(t.Context(), db, config)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return c
}

func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

// service is a load balancer with a listener on a target group.
type service struct {
	group, listener string
	port            int
}

func balance(t *testing.T, c *ingress.Control) service {
	t.Helper()
	ctx := t.Context()
	b, err := c.CreateBalancer(ctx, ingress.Balancer{Account: account, Name: "web", Type: ingress.Application, Scheme: "internal"})
	must(t, err)
	g, err := c.CreateGroup(ctx, ingress.Group{Account: account, Name: "web", Protocol: ingress.HTTP, Version: ingress.HTTP1, Port: 80, By: ingress.ByIP, Check: ingress.DefaultCheck(ingress.HTTP, ingress.HTTP1)})
	must(t, err)
	for try := 0; ; try++ {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		port := free.Addr().(*net.TCPAddr).Port
		free.Close()
		l, err := c.CreateListener(ctx, ingress.Listener{Account: account, Balancer: b.ARN, Port: port, Protocol: ingress.HTTP,
			Actions: []ingress.Action{{Type: ingress.Forward, Groups: []ingress.Share{{Group: g.ARN, Weight: 1}}}}})
		if err == nil {
			return service{g.ARN, l.ARN, port}
		}
		if try == 5 {
			t.Fatal(err)
		}
	}
}

// task starts something that can be a port of a task.
func task(t *testing.T, name string) ingress.Target {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
	t.Cleanup(server.Close)
	return ingress.Target{ID: "127.0.0.1", Host: "127.0.0.1", Port: server.Listener.Addr().(*net.TCPAddr).Port, Owner: name}
}

func ask(host string, port int) string {
	res, err := http.Get(fmt.Sprintf("http://%s:%d/", host, port))
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", string(body))
}

func TestServersBehaveAsOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one, other := start(t, db, "127.0.0.1"), start(t, db, "127.0.0.2")
		s := balance(t, one)
		must(t, other.Attach(t.Context(), account, s.group, task(t, "a")))
		for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
			until(t, host+" answers", func() bool { return ask(host, s.port) == "200 a" })
		}
		must(t, one.Detach(t.Context(), account, s.group, "a"))
		for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
			until(t, host+" sends it nothing more", func() bool { return strings.HasPrefix(ask(host, s.port), "503") })
		}
		must(t, other.DeleteListener(t.Context(), account, s.listener))
		until(t, "the first listens no more", func() bool {
			line, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
			if err == nil {
				line.Close()
			}
			return err != nil
		})
	})
}

func TestTasksOfAService(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := start(t, db, "127.0.0.1")
		s := balance(t, c)
		must(t, c.Attach(t.Context(), account, s.group, task(t, "a")))
		must(t, c.Attach(t.Context(), account, s.group, task(t, "b")))
		health := func(name string) string {
			owned, err := c.Owned(t.Context(), account, s.group)
			must(t, err)
			return owned[name].State
		}
		until(t, "both are well", func() bool { return health("a") == proxy.Healthy && health("b") == proxy.Healthy })
		must(t, c.Detach(t.Context(), account, s.group, "a"))
		until(t, "only the other answers", func() bool { return ask("127.0.0.1", s.port) == "200 b" })
		if db.Dialect() == "sqlite" {
			until(t, "nothing is under way to it", func() bool { return health("a") == "" })
		} else if got := health("a"); got != proxy.Draining {
			t.Errorf("other servers may still be sending to it, and it is %q", got)
		}
		must(t, c.Detach(t.Context(), account, s.group, "nobody"))
		must(t, c.Detach(t.Context(), account, "no-such-group", "a"))
		if owned, err := c.Owned(t.Context(), "999999999999", s.group); err != nil || len(owned) > 0 {
			t.Errorf("another account's: %v, %v", owned, err)
		}
		must(t, c.ForgetAccount(t.Context(), account))
		if list, err := c.Balancers(t.Context(), account, ingress.Find{}); err != nil || len(list) > 0 {
			t.Errorf("left: %v, %v", list, err)
		}
	})
}

func TestInstancesAreFoundByTheirMachines(t *testing.T) {
	c := start(t, storetest.SQLite(t), "127.0.0.1", func(config *ingress.Config) {
		config.Machine = func(_ context.Context, _, id string) (string, error) {
			if id != "m1" {
				return "", errors.New("no such machine")
			}
			return "192.0.2.7", nil
		}
		config.Refuses = func(_ netip.Addr, port int) bool { return port == 4601 }
	})
	g, err := c.CreateGroup(t.Context(), ingress.Group{Account: account, Name: "g", Protocol: ingress.TCP, Port: 5432, By: ingress.ByInstance, Check: ingress.DefaultCheck(ingress.TCP, "")})
	must(t, err)
	must(t, c.RegisterTargets(t.Context(), account, g.ARN, []ingress.Target{{ID: "m1"}}))
	list, err := c.Health(t.Context(), account, g.ARN)
	must(t, err)
	if len(list) != 1 || list[0].Host != "192.0.2.7" || list[0].Port != 5432 {
		t.Errorf("registered %+v", list)
	}
	for _, bad := range []ingress.Target{{ID: "m2"}, {ID: "m1", Port: 4601}} {
		if err := c.RegisterTargets(t.Context(), account, g.ARN, []ingress.Target{bad}); !errors.Is(err, ingress.ErrTarget) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
