package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slipway/ingress/proxy"
)

// world is a front with one HTTP listener on a group.
type world struct {
	t     *testing.T
	front *proxy.Front
	plan  proxy.Plan
	port  int
	end   func()

	client *http.Client
}

// opening makes a world.
type opening func(*testing.T, ...func(*proxy.Plan)) *world

// bothWays has a test's requests pass once as they are, and once with something in them that makes net/http read them.
func bothWays(t *testing.T, test func(*testing.T, opening)) {
	t.Run("plain", func(t *testing.T) { test(t, newWorld) })
	t.Run("by net/http", func(t *testing.T) {
		test(t, func(t *testing.T, change ...func(*proxy.Plan)) *world {
			w := newWorld(t, change...)
			w.client = &http.Client{Transport: unusual{&http.Transport{}}}
			t.Cleanup(w.client.CloseIdleConnections)
			return w
		})
	})
}

// unusual sends requests that the fast way leaves to net/http.
type unusual struct{ *http.Transport }

func (u unusual) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Pragma", "unusual")
	return u.Transport.RoundTrip(r)
}

const group = "group"

func newWorld(t *testing.T, change ...func(*proxy.Plan)) *world {
	t.Helper()
	w := &world{t: t, front: proxy.New("127.0.0.1"), port: freePort(t), client: http.DefaultClient}
	codes, err := proxy.ParseCodes("200", 200, 499)
	must(t, err)
	w.plan = proxy.Plan{
		Listeners: []proxy.Listener{{ID: "listener", Host: "web.elb.localhost", Port: w.port, Idle: time.Minute, Default: forward(group)}},
		Groups: []proxy.Group{{ID: group, Check: proxy.Check{
			Protocol: "HTTP", Path: "/healthz", Codes: codes, Interval: 50 * time.Millisecond, Timeout: 10 * time.Second, Healthy: 2, Unhealthy: 2,
		}}},
	}
	for _, f := range change {
		f(&w.plan)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.front.Run(ctx, 10*time.Second)
	}()
	w.end = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(w.end)
	w.front.Set(&w.plan)
	for w.front.Failed(w.port) != nil { // somebody else has taken it meanwhile
		w.port = freePort(t)
		for i := range w.plan.Listeners {
			w.plan.Listeners[i].Port = w.port
		}
		w.front.Set(&w.plan)
	}
	return w
}

// deadPort is one that nobody listens on, nor will.
func deadPort(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := unix.Getsockname(fd)
	must(t, err)
	return name.(*unix.SockaddrInet4).Port
}

func forward(groups ...string) proxy.Action {
	var a proxy.Action
	for _, g := range groups {
		a.Forward = append(a.Forward, proxy.Share{Group: g, Weight: 1})
	}
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// targetOf is a running server as a target.
func targetOf(t testing.TB, address string) proxy.Target {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	must(t, err)
	n, err := strconv.Atoi(port)
	must(t, err)
	return proxy.Target{ID: host, Host: host, Port: n}
}

// serve starts a server and returns it as a target. Its health check is well.
func serve(t testing.TB, h http.HandlerFunc) (proxy.Target, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			h(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return targetOf(t, server.Listener.Addr().String()), server
}

// set makes the group's targets these, from now on.
func (w *world) set(targets ...proxy.Target) {
	w.plan.Groups[0].Targets = targets
	plan := w.plan
	plan.Groups = append([]proxy.Group(nil), w.plan.Groups...)
	w.front.Set(&plan)
}

func (w *world) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", w.port, path) }

// get returns the status and body of an answer.
func (w *world) get(path string) (int, string) {
	w.t.Helper()
	res, err := w.client.Get(w.url(path))
	must(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(w.t, err)
	return res.StatusCode, string(body)
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

func (w *world) health(i int) string { return w.front.States(group)[i].Health }

// jar is a cookie jar that does not care for domains.
type jar struct{ cookies map[string]*http.Cookie }

func newJar() *jar { return &jar{map[string]*http.Cookie{}} }

func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		j.cookies[c.Name] = c
	}
}

func (j *jar) Cookies(*url.URL) (list []*http.Cookie) {
	for _, c := range j.cookies {
		list = append(list, c)
	}
	return list
}
