// Package endpoint is what the containers of a node reach at engine.HostAddress: what they may know of
// their own task, the short-lived credentials of its role, where the AWS SDKs look for them, and the control
// plane's API, wherever that is.
//
// A container is known by the address that it calls from, and by the ids in its environment, which
// nobody can guess: it needs both. A task in the machine's own network has no address of its own and calls from the
// machine itself, so its ids alone tell it, and whoever they were shown to. Tasks without a role have no credentials
// and do not reach the API.
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
	"encoding/binary"
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

// The port of the machine's own address at which tasks in its network ask is one of those that no
// system gives to outgoing connections. It follows from the node's secret, so that two nodes on a machine do
// not meet, and stays the same.
const firstLocal, lastLocal = 61000, 65535

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
	// ListenLocal opens a port of the machine's own address, 127.0.0.1: engine.Engine's.
	ListenLocal func(ctx context.Context, port int) (net.Listener, error)
	// Issue makes credentials of a task's role: the control plane's.
	Issue func(ctx context.Context, task string) (nodeapi.Credentials, error)
	// API is where the control plane's API is: "http://127.0.0.1:4600". Nil: containers are not led to it.
	API *url.URL
	// Line goes there; nil: by plain http.
	Line http.RoundTripper
	// Stats tells what a container uses: engine.Engine's.
	Stats func(ctx context.Context, container string) (engine.Stats, error)
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
	local     chan struct{} // closed once there is a task in the machine's network
	opened    chan struct{} // closed once the port for such tasks was tried to be opened
	tried     chan struct{} // gets one for each port whose first try at opening is over
	changed   chan struct{} // closed, and made anew, when there is more to know
}

// Task is a task at work.
type Task struct {
	ID       string       // the control plane's
	Address  string       // that it calls from; "": it is in the machine's network
	Role     bool         // it acts in one
	Metadata TaskMetadata // what its containers may know of it
}

// task is a task that is served.
type task struct {
	id      string
	address netip.Addr // not valid: it is in the machine's network
	role    bool
	path    string // its secret
	held    held
	calls   bucket

	mu      sync.Mutex
	known   TaskMetadata
	ids     []string           // secrets of its containers, in the order of known.Containers
	samples map[string]*sample // by container
}

// New makes a Server that knows no task.
func New(c Config) *Server {
	return &Server{
		config: c, byAddress: map[netip.Addr]*task{}, byID: map[string]*task{}, changed: make(chan struct{}),
		tried: make(chan struct{}, ports), local: make(chan struct{}), opened: make(chan struct{}),
	}
}

// Run answers until ctx ends, and returns when all is still. A port that cannot be opened is tried
// again.
func (s *Server) Run(ctx context.Context) {
	var parts sync.WaitGroup
	parts.Go(func() { s.keepOpen(ctx, credentialsPort, s.config.Listen, s.told, s.handler()) })
	parts.Go(func() { s.serveLocal(ctx) })
	if s.config.API != nil {
		parts.Go(func() { s.keepOpen(ctx, apiPort, s.config.Listen, s.told, s.apiHandler()) })
	} else {
		s.tried <- struct{}{}
	}
	parts.Go(func() { loop.Run(ctx, "renew credentials of tasks", refreshPeriod, nil, s.renew) })
	parts.Wait()
}

// told says that a port was tried.
func (s *Server) told() { s.tried <- struct{}{} }

// serveLocal serves the tasks in the machine's network, once there is one.
func (s *Server) serveLocal(ctx context.Context) {
	select {
	case <-s.local:
	case <-ctx.Done():
		return
	}
	var parts, tried sync.WaitGroup
	open := func(port int, h http.Handler) {
		tried.Add(1)
		told := sync.OnceFunc(tried.Done)
		parts.Go(func() {
			defer told() // also where there was no time for a try
			s.keepOpen(ctx, port, s.config.ListenLocal, told, h)
		})
	}
	open(s.localPort(), s.handler())
	if s.leadsLocal() {
		open(s.localAPIPort(), s.forLocal(s.toAPI()))
	}
	parts.Go(func() {
		tried.Wait()
		close(s.opened)
	})
	parts.Wait()
}

// leadsLocal tells whether tasks in the machine's network need to be led to the API: they go there by
// themselves, but where that needs the node's own line.
func (s *Server) leadsLocal() bool { return s.config.API != nil && s.config.Line != nil }

// localAPIPort is where they are led to it.
func (s *Server) localAPIPort() int {
	port := s.portOf("port of the API for tasks in the machine's network")
	if port == s.localPort() {
		port = firstLocal + (port-firstLocal+1)%(lastLocal-firstLocal+1)
	}
	return port
}

func localAddress(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (s *Server) localPort() int { return s.portOf("port for tasks in the machine's network") }

// portOf follows from what it is for and the node's secret.
func (s *Server) portOf(what string) int {
	n := binary.BigEndian.Uint32(s.hash(what))
	return firstLocal + int(n%(lastLocal-firstLocal+1))
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

// TriedLocal is Tried for the containers of a task in the machine's network that was admitted.
func (s *Server) TriedLocal(ctx context.Context) {
	select {
	case <-s.opened:
	case <-ctx.Done():
	}
}

// Admit serves a task, or knows more of it.
func (s *Server) Admit(t Task) {
	at, err := addressOf(t.Address)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	served := s.byID[t.ID]
	if served == nil || served.address != at || served.role != t.Role {
		s.drop(t.ID)
		if former := s.byAddress[at]; former != nil { // its address is given to another, so it is over
			s.drop(former.id)
		}
		served = &task{id: t.ID, address: at, role: t.Role, path: s.path(t.ID), held: newHeld(), samples: map[string]*sample{}}
		s.byID[t.ID] = served
		if at.IsValid() {
			s.byAddress[at] = served
		} else {
			s.openLocal()
		}
		s.tell()
	}
	served.learn(t.Metadata, s.idOf)
}

// addressOf reads an address; "" is none.
func addressOf(text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(text)
}

// learn takes what is known of a task now.
func (t *task) learn(known TaskMetadata, idOf func(container string) string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ids) != len(known.Containers) {
		t.ids = nil
		for _, c := range known.Containers {
			t.ids = append(t.ids, idOf(c.DockerID))
		}
	}
	t.known = known
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

// openLocal is called with the lock held.
func (s *Server) openLocal() {
	select {
	case <-s.local:
	default:
		close(s.local)
	}
}

// Container is one whose environment is to be made.
type Container struct {
	Task, ID string // of the control plane, and of the engine
	Region   string
	Role     bool // its task acts in one
	Local    bool // it is in the machine's network
}

// Env is what a container finds in its environment: where its metadata is and, if its task has a role, the
// credentials and the API. It stays the same for the task's life, whatever becomes of this process.
func (s *Server) Env(c Container) []string {
	at := "http://" + engine.HostAddress
	if c.Local {
		at = "http://" + localAddress(s.localPort())
	}
	id := s.idOf(c.ID)
	env := []string{"ECS_CONTAINER_METADATA_URI_V4=" + at + metadataPrefix + id, "ECS_AGENT_URI=" + at + agentPrefix + id}
	if !c.Role {
		return env
	}
	env = append(env, "AWS_REGION="+c.Region, "AWS_DEFAULT_REGION="+c.Region)
	if c.Local {
		env = append(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+at+s.path(c.Task))
	} else {
		env = append(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="+s.path(c.Task))
	}
	switch {
	case s.config.API == nil:
	case !c.Local:
		env = append(env, fmt.Sprintf("AWS_ENDPOINT_URL=http://%s:%d", engine.HostAddress, apiPort))
	case s.leadsLocal():
		env = append(env, "AWS_ENDPOINT_URL=http://"+localAddress(s.localAPIPort()))
	default:
		env = append(env, "AWS_ENDPOINT_URL="+s.config.API.String())
	}
	return env
}

const (
	pathPrefix     = "/v2/credentials/"
	metadataPrefix = "/v4/"
	agentPrefix    = "/api/"
)

// path is where a task finds its credentials.
func (s *Server) path(id string) string { return pathPrefix + s.secretOf("credentials of task "+id) }

// idOf is what a container calls itself by.
func (s *Server) idOf(container string) string {
	return s.secretOf("metadata of container " + container)
}

// secretOf follows from what it is of and the node's secret, so that nothing of it need be kept.
func (s *Server) secretOf(what string) string {
	b := s.hash(what)
	b[6] = b[6]&0x0f | 0x80 // version 8 of RFC 9562: made in a way of one's own
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func (s *Server) hash(what string) []byte {
	mac := hmac.New(sha256.New, s.config.Secret)
	mac.Write([]byte(what))
	return mac.Sum(nil)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// hasPath tells whether a path is that of the task's credentials.
func (t *task) hasPath(path string) bool { return t.role && same(t.path, path) }

// container finds the container that has an id, by its place; -1 when none has.
func (t *task) container(id string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := -1
	for i, own := range t.ids {
		if same(own, id) {
			found = i
		}
	}
	return found
}

// caller is the task that a request comes from: that of the address, or else one in the machine's network that proves
// itself. Where there is none, now and a moment later, it answers the request itself and returns nil.
func (s *Server) caller(w http.ResponseWriter, r *http.Request, proves func(*task) bool) *task {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // none is nobody's
	for {
		t, settled, changed := s.find(from.Addr(), proves)
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
			refuseStranger(w)
		} else {
			refuse(w, http.StatusServiceUnavailable, "Unavailable", "The node is starting. Try again.")
		}
		return nil
	}
}

func (s *Server) find(from netip.Addr, proves func(*task) bool) (t *task, settled bool, changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t = s.byAddress[from]; t != nil || !from.IsLoopback() {
		return t, s.settled, s.changed
	}
	for _, on := range s.byID {
		if !on.address.IsValid() && proves(on) {
			return on, s.settled, s.changed
		}
	}
	return nil, s.settled, s.changed
}

// refuseStranger answers who asks for what is not there, or is another's, and tells which it is to nobody.
func refuseStranger(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, "NotFound", "There is nothing here for this container.")
}
