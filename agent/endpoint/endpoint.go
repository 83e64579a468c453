// Package endpoint is what the containers of a node reach at engine.HostAddress: the
// short-lived credentials of their task's role, where the AWS SDKs look for them, and the
// control plane's API, wherever that is.
//
// A container is known by the address that it calls from, and to be given credentials by the
// id in its environment as well, which nobody can guess. Tasks without a role reach nothing.
// Credentials are asked for when a container first wants them, kept in memory and nowhere
// else, and forgotten with their task.
//
// It decides nothing about roles: whom the control plane gives credentials is its own matter.
package endpoint

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"slipway/engine"
	"slipway/internal/loop"
	"slipway/nodeapi"
)

// The ports of engine.HostAddress. That of credentials is the SDKs' choice.
const (
	credentialsPort = 80
	apiPort         = 4600
	ports           = 2
)

const (
	// settleTime is how long a container may be ahead of what is known of its task.
	settleTime = time.Second
	// refreshPeriod is how often credentials are looked through for those to be renewed.
	refreshPeriod = time.Minute
)

// Config says what to give to whom.
type Config struct {
	// Listen opens a port of engine.HostAddress: engine.Engine's.
	Listen func(ctx context.Context, port int) (net.Listener, error)
	// Issue makes credentials of a task's role: the control plane's.
	Issue func(ctx context.Context, task string) (nodeapi.Credentials, error)
	// API is where the control plane's API is: "http://127.0.0.1:4600". Nil: containers are not led to it.
	API *url.URL
	// Line goes there; nil: by plain http.
	Line http.RoundTripper
	// Secret is the node's own; from it the ids follow that containers are given.
	Secret []byte
}

// Server serves the tasks that it is told of. It is safe for use by many goroutines.
type Server struct {
	config Config

	mu        sync.Mutex
	byAddress map[netip.Addr]*task
	byID      map[string]*task
	settled   bool
	tried     chan struct{} // gets one for each port whose first try at opening is over
	changed   chan struct{} // closed, and made anew, when there is more to know
}

// task is a task with a role, at work.
type task struct {
	id      string // the control plane's
	address netip.Addr
	path    string // its secret
	held    held
}

// New makes a Server that knows no task.
func New(c Config) *Server {
	return &Server{
		config: c, byAddress: map[netip.Addr]*task{}, byID: map[string]*task{}, changed: make(chan struct{}),
		tried: make(chan struct{}, ports),
	}
}

// Run answers until ctx ends, and returns when all is still. A port that cannot be opened is tried
// again.
func (s *Server) Run(ctx context.Context) {
	var parts sync.WaitGroup
	parts.Go(func() { s.keepOpen(ctx, credentialsPort, s.credentialsHandler()) })
	if s.config.API != nil {
		parts.Go(func() { s.keepOpen(ctx, apiPort, s.apiHandler()) })
	} else {
		s.tried <- struct{}{}
	}
	parts.Go(func() { loop.Run(ctx, "renew credentials of tasks", refreshPeriod, nil, s.renew) })
	parts.Wait()
}

// Tried returns when Run has tried to open every port, so that a container that is started then finds
// them open, unless they cannot be opened now; or when ctx ends.
func (s *Server) Tried(ctx context.Context) {
	for range ports {
		select {
		case <-s.tried:
		case <-ctx.Done():
		}
	}
}

// Admit serves a task that calls from an address. It may be told so again.
func (s *Server) Admit(id, address string) {
	at, err := netip.ParseAddr(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.byID[id]; err != nil || t != nil && t.address == at {
		return
	}
	s.drop(id)
	if former := s.byAddress[at]; former != nil { // its address is given to another, so it is over
		s.drop(former.id)
	}
	t := &task{id: id, address: at, path: s.path(id), held: newHeld()}
	s.byID[id], s.byAddress[at] = t, t
	s.tell()
}

// Drop serves a task no more, and forgets its credentials.
func (s *Server) Drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(id)
}

// drop is called with the lock held.
func (s *Server) drop(id string) {
	if t := s.byID[id]; t != nil {
		delete(s.byID, id)
		delete(s.byAddress, t.address)
	}
}

// Settle says that the tasks of this node are known: from then on who is unknown is a stranger.
// Until then it is asked to come again.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settled {
		s.settled = true
		s.tell()
	}
}

// tell is called with the lock held.
func (s *Server) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Env is what the containers of a task with a role find in their environment. It stays the same for
// the task's life, whatever becomes of this process.
func (s *Server) Env(id, region string) []string {
	env := []string{
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=" + s.path(id),
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
	}
	if s.config.API != nil {
		env = append(env, fmt.Sprintf("AWS_ENDPOINT_URL=http://%s:%d", engine.HostAddress, apiPort))
	}
	return env
}

const pathPrefix = "/v2/credentials/"

// path follows from the task's id and the node's secret, so that nothing of it need be kept.
func (s *Server) path(id string) string {
	mac := hmac.New(sha256.New, s.config.Secret)
	mac.Write([]byte("credentials of task " + id))
	b := mac.Sum(nil)
	b[6] = b[6]&0x0f | 0x80 // version 8 of RFC 9562: made in a way of one's own
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%s%x-%x-%x-%x-%x", pathPrefix, b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// is tells whether a path is the task's.
func (t *task) is(path string) bool {
	return subtle.ConstantTimeCompare([]byte(t.path), []byte(path)) == 1
}

// caller is the task that a request comes from. Where there is none, now and a moment later, it
// answers the request itself and returns nil.
func (s *Server) caller(w http.ResponseWriter, r *http.Request) *task {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // none is nobody's
	for {
		s.mu.Lock()
		t, settled, changed := s.byAddress[from.Addr()], s.settled, s.changed
		s.mu.Unlock()
		if t != nil {
			return t
		}
		select {
		case <-changed:
			continue
		case <-r.Context().Done():
		case <-late.C:
		}
		if settled {
			refuse(w, http.StatusNotFound, "NotFound", "There is nothing here for this container.")
		} else {
			refuse(w, http.StatusServiceUnavailable, "Unavailable", "The node is starting. Try again.")
		}
		return nil
	}
}
