package enginetest

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/engine"
)

// listen answers on a port of engine.HostAddress with a word and the address that asks.
func listen(t *testing.T, b *Body, port int, word string) net.Listener {
	t.Helper()
	l := must(b.Engine.Listen(t.Context(), port))(t)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprint(w, word, " for ", from)
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-ended })
	return l
}

func reachListeners(t *testing.T, b *Body) {
	listen(t, b, 80, "former")
	listen(t, b, 80, "credentials")
	listen(t, b, 4600, "endpoint")
	for range 2 {
		task := NewTask(t, b)
		network, err := b.Engine.Attach(task.ctx(), task.ID, nil)
		task.check(err)
		spec := task.Spec("main", "get", "http://169.254.170.2/", "then", "get", "http://169.254.170.2:$PORT/")
		spec.Env = []string{"PORT=4600"}
		c := task.RunSpec(spec)
		c.Exit(0)
		want(t, "answers", c.Printed(), "credentials for "+network.Address+"\nendpoint for "+network.Address+"\n")
	}
}

// listenersAreForTasks: neither a port that a task has published nor one that is not open gets what is
// meant for us. The machine itself reaches it as the bridge at most, and as no task.
func listenersAreForTasks(t *testing.T, b *Body) {
	thief, task := NewTask(t, b), NewTask(t, b)
	published, err := b.Engine.Attach(thief.ctx(), thief.ID, []engine.Port{{Container: 8080, Protocol: "tcp"}})
	thief.check(err)
	thief.Run("thief", "serve", "8080", "stolen").Prints("serving")
	taken := published.Ports[0].Host
	l := listen(t, b, taken, "mine")
	network, err := b.Engine.Attach(task.ctx(), task.ID, nil)
	task.check(err)
	c := task.Run("main", "get", fmt.Sprintf("http://169.254.170.2:%d/", taken), "then", "knock", fmt.Sprintf("169.254.170.2:%d", taken+1))
	c.Exit(0)
	answer, closed, _ := strings.Cut(c.Printed(), "\n")
	want(t, "answer", answer, "mine for "+network.Address)
	if !strings.Contains(closed, "connection refused") {
		t.Errorf("a port that nobody opened: %s", closed)
	}

	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for _, host := range append(hostAddresses(t), "127.0.0.1") {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), time.Second)
		if err != nil {
			continue
		}
		conn.Close()
		from := strings.TrimPrefix(fetch(t, "http://"+net.JoinHostPort(host, port)), "mine for ")
		if !slices.Contains(hostAddresses(t), from) || !sameNetwork(host, network.Address) {
			t.Errorf("the machine reaches it at %s, from %s", host, from)
		}
	}
}

// sameNetwork tells of two addresses that an interface of the machine has one and sees the other.
func sameNetwork(own, other string) bool {
	addresses, _ := net.InterfaceAddrs()
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, is := a.(*net.IPNet)
		return is && n.IP.String() == own && n.Contains(net.ParseIP(other))
	})
}
