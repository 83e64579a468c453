package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slipway/engine"
	"slipway/internal/errs"
	"slipway/nodeapi"
)

// logged is all that the package has logged: no test may find a secret in it.
var logged = &syncBuffer{}

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	code := m.Run()
	if strings.Contains(logged.String(), "secret-") {
		fmt.Println("a secret is in the log:", logged)
		code = 1
	}
	os.Exit(code)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const (
	web, job               = "11111111111111111111111111111111", "22222222222222222222222222222222"
	webAddress, jobAddress = "10.87.0.2", "10.87.0.3"
	life                   = time.Hour
)

var (
	errAway   = errs.New(errs.Unavailable, "control plane away")
	errDenied = errs.New(errs.Denied, "the role does not trust tasks")
)

// node is a Server and the control plane behind it, in a bubble.
type node struct {
	*testing.T
	*Server

	mu    sync.Mutex
	asked int
	fails error
	hangs bool
}

// story tells what happens on a node that knows the tasks web and job.
func story(t *testing.T, tell func(n *node)) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{T: t}
		n.Server = New(Config{Issue: n.issueOne, Listen: nowhere, ListenLocal: nowhere, Secret: []byte("the node's own")})
		n.Admit(acting(web, webAddress))
		n.Admit(acting(job, jobAddress))
		n.Settle()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.Server.Run(ctx) }()
		defer func() { stop(); <-ended }()
		tell(n)
	})
}

// acting is a task with a role and two containers.
func acting(id, address string) Task {
	known := TaskMetadata{TaskARN: "arn of " + id}
	for _, name := range []string{"a", "b"} {
		known.Containers = append(known.Containers, ContainerMetadata{DockerID: id + "-" + name, Name: name})
	}
	return Task{ID: id, Address: address, Role: true, Metadata: known}
}

func nowhere(ctx context.Context, _ int) (net.Listener, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// issueOne makes numbered credentials.
func (n *node) issueOne(ctx context.Context, task string) (nodeapi.Credentials, error) {
	n.mu.Lock()
	n.asked++
	number, fails, hangs := n.asked, n.fails, n.hangs
	n.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nodeapi.Credentials{}, ctx.Err()
	}
	return nodeapi.Credentials{
		Role: "role of " + task[:1], AccessKeyID: fmt.Sprint("ASIA", number), SecretAccessKey: fmt.Sprint("secret-", number),
		SessionToken: fmt.Sprint("secret-token-", number), Expires: time.Now().Add(life),
	}, fails
}

func (n *node) set(fails error, hangs bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fails, n.hangs = fails, hangs
}

func (n *node) wantAsked(times int) {
	n.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asked != times {
		n.Errorf("the control plane was asked %d times, want %d", n.asked, times)
	}
}

// get asks for a path from an address.
func (n *node) get(address, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://"+engine.HostAddress+path, nil)
	r.RemoteAddr = address + ":40000"
	w := httptest.NewRecorder()
	n.handler().ServeHTTP(w, r)
	return w
}

// wantKey wants a task to be given the credentials of a number.
func (n *node) wantKey(task, address string, number int) {
	n.Helper()
	w := n.get(address, n.path(task))
	var got answer
	if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code != 200 || err != nil || got.AccessKeyId != fmt.Sprint("ASIA", number) {
		n.Errorf("%d %s, want credentials ASIA%d", w.Code, w.Body, number)
	}
}

func (n *node) wantRefused(w *httptest.ResponseRecorder, status int, words string) {
	n.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), words) {
		n.Errorf("%d %s, want %d and %q", w.Code, w.Body, status, words)
	}
}

func TestATaskIsGivenWhatSDKsRead(t *testing.T) {
	story(t, func(n *node) {
		w := n.get(webAddress, n.path(web))
		want := fmt.Sprintf(`{"RoleArn":"role of 1","AccessKeyId":"ASIA1","SecretAccessKey":"secret-1","Token":"secret-token-1","Expiration":%q}`+"\n",
			time.Now().Add(life).UTC().Format(time.RFC3339))
		if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
			n.Errorf("%d %v %s, want %s", w.Code, w.Header(), w.Body, want)
		}
	})
}

// Both the address and the id must be the task's; which of them is wrong is not told.
func TestATaskIsGivenItsOwnAlone(t *testing.T) {
	story(t, func(n *node) {
		stranger := n.get("10.87.0.4", n.path(web))
		for name, w := range map[string]*httptest.ResponseRecorder{
			"another's id":      n.get(webAddress, n.path(job)),
			"another's address": n.get(jobAddress, n.path(web)),
			"no id":             n.get(webAddress, pathPrefix),
			"a wrong id":        n.get(webAddress, n.path(web)+"0"),
			"a task's id":       n.get(webAddress, pathPrefix+web),
			"no such thing":     n.get(webAddress, pathPrefix+"a/b"),
			"no address":        n.get("nowhere", n.path(web)),
			"a stranger":        stranger,
		} {
			if w.Code != 404 || w.Body.String() != stranger.Body.String() {
				n.Errorf("%s: %d %s, want what a stranger gets: %d %s", name, w.Code, w.Body, stranger.Code, stranger.Body)
			}
		}
		n.wantAsked(0)
		n.wantKey(job, jobAddress, 1)
		n.wantKey(web, webAddress, 2)
	})
}

func TestOnlyWhoAsksMakesTheControlPlaneAsked(t *testing.T) {
	story(t, func(n *node) {
		time.Sleep(10 * life)
		n.wantAsked(0)
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() { n.wantKey(web, webAddress, 1) })
		}
		asking.Wait()
		n.wantAsked(1)
	})
}

func TestCredentialsAreRenewedAtHalfOfTheirLife(t *testing.T) {
	story(t, func(n *node) {
		n.wantKey(web, webAddress, 1)
		time.Sleep(life/2 - 2*refreshPeriod)
		n.wantAsked(1)
		time.Sleep(4 * refreshPeriod)
		n.wantAsked(2) // though nobody asks just now
		n.wantKey(web, webAddress, 2)
		time.Sleep(life / 2)
		n.wantKey(web, webAddress, 3)
	})
}

// Who does not ask again is given no more, and nothing of it stays in memory.
func TestWhatNobodyAsksForEnds(t *testing.T) {
	story(t, func(n *node) {
		n.wantKey(web, webAddress, 1)
		time.Sleep(3 * life)
		n.wantAsked(2)
		if n.byID[web].held.get() != nil {
			n.Error("credentials that have expired are kept")
		}
		n.wantKey(web, webAddress, 3)
	})
}

func TestCredentialsServeWhileTheControlPlaneIsAway(t *testing.T) {
	story(t, func(n *node) {
		n.wantKey(web, webAddress, 1)
		n.set(errAway, false)
		time.Sleep(life - time.Minute)
		n.wantKey(web, webAddress, 1)
		time.Sleep(2 * time.Minute)
		n.wantRefused(n.get(webAddress, n.path(web)), 503, "Try again")
		n.set(nil, false)
		time.Sleep(failureTime)
		if w := n.get(webAddress, n.path(web)); w.Code != 200 {
			n.Errorf("when it is back: %d %s", w.Code, w.Body)
		}
	})
}

func TestASilentControlPlaneKeepsNobodyWaiting(t *testing.T) {
	story(t, func(n *node) {
		n.wantKey(web, webAddress, 1)
		n.set(nil, true)
		begun := time.Now()
		n.wantRefused(n.get(jobAddress, n.path(job)), 503, "Try again")
		if waited := time.Since(begun); waited != issueLimit {
			n.Errorf("the first credentials are waited for %s, want %s", waited, issueLimit)
		}
		time.Sleep(life/2 + 3*time.Second)
		begun = time.Now()
		n.wantKey(web, webAddress, 1)
		if waited := time.Since(begun); waited > renewLimit {
			n.Errorf("credentials that are there are waited for %s, want %s at most", waited, renewLimit)
		}
	})
}

func TestARefusalIsToldAndEndsWhatThereWas(t *testing.T) {
	story(t, func(n *node) {
		n.wantKey(web, webAddress, 1)
		n.set(errDenied, false)
		time.Sleep(life/2 + 2*refreshPeriod)
		n.wantRefused(n.get(webAddress, n.path(web)), 403, errDenied.Error())
		n.set(nil, false) // its trust is mended
		time.Sleep(failureTime)
		if w := n.get(webAddress, n.path(web)); w.Code != 200 {
			n.Errorf("afterwards: %d %s", w.Code, w.Body)
		}
	})
}

func TestAContainerThatAsksAllTheTimeAsksTheNode(t *testing.T) {
	story(t, func(n *node) {
		n.set(errDenied, false)
		for range 400 {
			n.wantRefused(n.get(webAddress, n.path(web)), 403, "")
			time.Sleep(time.Millisecond)
		}
		n.wantAsked(1)
	})
}

func TestATaskThatEndsIsAStranger(t *testing.T) {
	story(t, func(n *node) {
		n.wantKey(web, webAddress, 1)
		n.Drop(web)
		n.Drop(web)
		n.wantRefused(n.get(webAddress, n.path(web)), 404, "")
		n.Admit(acting(job, webAddress)) // moves there
		n.wantRefused(n.get(jobAddress, n.path(job)), 404, "")
		n.wantKey(job, webAddress, 2)
		n.Admit(acting(web, webAddress)) // its address is given to another: it is over
		n.wantRefused(n.get(webAddress, n.path(job)), 404, "")
		n.Admit(acting(web, webAddress))
		n.wantKey(web, webAddress, 3)
		n.Admit(acting("x", "no address"))
		n.wantAsked(3)
	})
}

// A container that was there before the node's agent is told to wait for it, and knows the way.
func TestAnAgentThatStartsAnewIsWaitedFor(t *testing.T) {
	story(t, func(former *node) {
		n := &node{T: former.T}
		n.Server = New(Config{Issue: n.issueOne, Secret: []byte("the node's own")})
		n.wantRefused(n.get(webAddress, former.path(web)), 503, "Try again")
		go func() {
			time.Sleep(settleTime / 3)
			n.Settle()
			time.Sleep(settleTime / 3)
			n.Admit(acting(web, webAddress))
		}()
		if w := n.get(webAddress, former.path(web)); w.Code != 200 {
			n.Errorf("while the agent starts: %d %s", w.Code, w.Body)
		}
	})
}

func TestTheEnvironmentOfAContainer(t *testing.T) {
	s := New(Config{Secret: []byte("one")})
	other := New(Config{Secret: []byte("other"), API: target(t, "http://127.0.0.1:4600")})
	lined := New(Config{Secret: []byte("other"), API: other.config.API, Line: http.DefaultTransport})
	here := Container{Task: web, ID: web + "-a", Region: "eu-west-1"}
	acting := here
	acting.Role = true
	local := acting
	local.Local = true
	own := "http://" + localAddress(other.localPort())
	for _, c := range []struct {
		s    *Server
		of   Container
		want []string
	}{
		{s, here, []string{
			"ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/" + s.idOf(web+"-a"), "ECS_AGENT_URI=http://169.254.170.2/api/" + s.idOf(web+"-a"),
		}},
		{s, acting, append(s.Env(here), "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="+s.path(web))},
		{other, acting, append(other.Env(here), "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
			"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="+other.path(web), "AWS_ENDPOINT_URL=http://169.254.170.2:4600")},
		{other, local, []string{
			"ECS_CONTAINER_METADATA_URI_V4=" + own + "/v4/" + other.idOf(web+"-a"), "ECS_AGENT_URI=" + own + "/api/" + other.idOf(web+"-a"),
			"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
			"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + own + other.path(web), "AWS_ENDPOINT_URL=http://127.0.0.1:4600",
		}},
		{lined, local, append(other.Env(local)[:5], "AWS_ENDPOINT_URL=http://"+localAddress(lined.localAPIPort()))},
	} {
		if got := c.s.Env(c.of); !slices.Equal(got, c.want) {
			t.Errorf("environment of %+v\n%q, want\n%q", c.of, got, c.want)
		}
	}
	if p := s.localPort(); p == other.localPort() || p < firstLocal || p > lastLocal {
		t.Errorf("port %d of one node, %d of the other", p, other.localPort())
	}
	secrets := map[string]bool{}
	for _, s := range []*Server{s, other} {
		for _, path := range []string{s.path(web), s.path(job), pathPrefix + s.idOf(web+"-a"), pathPrefix + s.idOf(web+"-b")} {
			if secrets[path] = true; !strings.HasPrefix(path, pathPrefix) || len(path) != len(pathPrefix)+36 {
				t.Errorf("path %s does not end in a uuid", path)
			}
		}
	}
	if len(secrets) != 8 {
		t.Errorf("%v: want one for each task, container and node", secrets)
	}
}
