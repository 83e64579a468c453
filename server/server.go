// Package server is the control plane as a whole: it opens the data folder and the
// database, wires every room to its door, answers on the listeners and stops all of
// it in order. It is the only place that sees every room, and it decides nothing that
// a room could decide.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"slipway/accounts"
	"slipway/audit"
	"slipway/blob/s3"
	"slipway/cluster"
	"slipway/events"
	"slipway/functions"
	"slipway/functions/fleet"
	"slipway/functions/home"
	"slipway/functions/peers"
	"slipway/hooks"
	"slipway/ingress"
	"slipway/logs"
	"slipway/nodeapi"
	"slipway/nodes"
	"slipway/objects"
	"slipway/registry"
	"slipway/seal"
	"slipway/secrets"
	"slipway/store"
)

// Config is what an operator chooses.
type Config struct {
	Data      string   // data folder
	Listen    string   // host:port of the public APIs
	Advertise string   // host:port by which clients and nodes reach it; "": Listen
	Nodes     string   // host:port where nodes join; "": none
	Ingress   string   // host that listeners of load balancers bind to; "": 127.0.0.1
	Admin     string   // host:port of the admin listener; "": the port after Listen's, on loopback; "off": none
	Region    string   // the region that signatures must name
	AccountID string   // twelve digits of the root account; "": as the data folder has it, or chosen at random
	Store     string   // "postgres://..."; "": SQLite in the data folder
	Blobs     string   // "s3://BUCKET/PREFIX?endpoint=URL&region=R"; "": files in the data folder
	Throttle  Throttle // how fast each account may call; 0: as fast as it likes

	Peers          string        // host:port where the other servers over the same PostgreSQL reach this one; "": a port on loopback
	PeersAdvertise string        // host:port by which they do; "": Peers
	homeLife       time.Duration // how long a server that says nothing keeps fleets; 0: as usual

	KeepClosed time.Duration // how long what a closed account has is kept; 0: 90 days

	Sweeping Sweeping // how the registry is swept; the zero value: DefaultSweeping

	FunctionConcurrency int    // how many calls at a time the functions of an account may be in; 0: 1,000
	FunctionCPULimit    bool   // a sandbox has no more cpu than goes with its memory, not even of an idle machine
	FunctionDomain      string // under which the URLs of functions are; "": localhost, at the port of the APIs

	MasterKey seal.Source // of what secrets are sealed under, see MasterKey; nil: master.key in the data folder
}

// How long requests in flight may take to end when the server stops: any, and calls of functions.
const (
	drain     = 5 * time.Second
	callDrain = 30 * time.Second
)

// Server is an open control plane.
type Server struct {
	config Config
	lock   *os.File
	id     string // of this server, the same over restarts
	db     *store.DB
	keys   *seal.Keys
	meters *meters

	accounts *accounts.Control
	audit    *audit.Control
	registry *registry.Control
	cluster  *cluster.Control
	logs     *logs.Control
	hooks    *hooks.Control
	nodes    *nodes.Control
	secrets  *secrets.Control
	ingress  *ingress.Control

	functions *functions.Control
	fleet     *fleet.Fleet
	objects   *objects.Control

	homes *home.Homes   // where the fleet of each account is; nil: all are here
	peers *peers.Client // the servers that have the others

	files *s3.Store // the bucket that blobs are in; nil: they are in the data folder
	root  accounts.Key
	api   net.Listener
	admin net.Listener
	wire  net.Listener // of nodes; nil: none

	others net.Listener // of other servers; nil: there can be none

	control net.Listener // nil: the data folder can hold none
}

var regionPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// check refuses what would otherwise be found out late, or never.
func (c Config) check() error {
	if !regionPattern.MatchString(c.Region) {
		return fmt.Errorf("region %q: want lower-case letters and digits, in parts separated by hyphens, as us-east-1", c.Region)
	}
	if host, port, err := net.SplitHostPort(c.Advertise); c.Advertise != "" && (err != nil || host == "" || port == "") {
		return fmt.Errorf("advertise %q: want HOST:PORT, as 192.0.2.7:4600", c.Advertise)
	}
	if err := cmp.Or(c.Sweeping, DefaultSweeping()).Check(); err != nil {
		return err
	}
	scheme, _, _ := strings.Cut(c.Store, "://") // what follows may hold a password
	if c.KeepClosed < 0 {
		return fmt.Errorf("keep closed accounts for %v: want a time that is not below zero", c.KeepClosed)
	}
	if err := c.checkPeers(); err != nil {
		return err
	}
	if c.Store != "" && scheme != "postgres" && scheme != "postgresql" {
		return fmt.Errorf("store %q: want postgres://USER@HOST/DATABASE, or nothing for SQLite in the data folder", scheme)
	}
	return nil
}

// Open makes everything ready and binds the listeners, but answers nothing before Run.
func Open(ctx context.Context, config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Server{config: config, meters: newMeters()}
	steps := []func(context.Context) error{s.openData, s.listen, s.openKeys, s.openRooms, s.openControl, s.tellClients}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Server) openData(ctx context.Context) (err error) {
	if s.lock, err = openDataDir(s.config.Data); err != nil {
		return err
	}
	url := s.config.Store
	if url == "" {
		url = filepath.Join(s.config.Data, "slipway.db")
	}
	if s.db, err = store.Open(ctx, url); err != nil {
		return err
	}
	return events.Migrate(ctx, s.db)
}

func (s *Server) listen(ctx context.Context) (err error) {
	var lc net.ListenConfig
	if s.api, err = lc.Listen(ctx, "tcp", s.config.Listen); err != nil {
		return fmt.Errorf("API listener: %w", err)
	}
	if s.config.Advertise == "" {
		s.config.Advertise = reachable(s.api.Addr().(*net.TCPAddr))
	}
	if s.config.Nodes != "" {
		if s.wire, err = listenNodes(ctx, s.config.Nodes); err != nil {
			return fmt.Errorf("listener of nodes: %w", err)
		}
	}
	s.admin, err = listenAdmin(ctx, s.config.Admin, s.api.Addr())
	return err
}

// reachable is where clients on this machine reach a listener: one on all addresses is on loopback too.
func reachable(a *net.TCPAddr) string {
	if a.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", a.Port)
	}
	return a.String()
}

func (s *Server) openRooms(ctx context.Context) (err error) {
	blobs, err := s.openBlobs(ctx)
	if err != nil {
		return err
	}
	if s.accounts, err = accounts.New(ctx, s.db, s.keys); err != nil {
		return err
	}
	s.accounts.KeepClosed(cmp.Or(s.config.KeepClosed, accounts.DefaultKeepClosed))
	if s.root, err = s.accounts.Bootstrap(ctx, s.config.AccountID); err != nil {
		return err
	}
	if s.audit, err = audit.New(ctx, s.db, filepath.Join(s.config.Data, "audit"), s.keys, audit.Config{}); err != nil {
		return err
	}
	if s.logs, err = logs.New(ctx, s.db, logsPolicies, logs.ExportTo(exports{s})); err != nil {
		return err
	}
	if s.hooks, err = hooks.New(ctx, s.db, s.keys); err != nil {
		return err
	}
	if s.nodes, err = nodes.New(ctx, s.db, s.keys); err != nil {
		return err
	}
	if s.secrets, err = secrets.New(ctx, s.db, s.keys, s.config.Region, secretsPolicies); err != nil {
		return err
	}
	spool, err := s.openSpool()
	if err != nil {
		return err
	}
	if s.registry, err = registry.New(ctx, s.db, s.keys, blobs, s.config.Region, registryPolicies, spool,
		registry.Sweeps(cmp.Or(s.config.Sweeping, DefaultSweeping())), registry.Tasks(s.runningTasks)); err != nil {
		return err
	}
	if s.id, err = serverID(s.config.Data); err != nil {
		return err
	}
	s.cluster, err = cluster.New(ctx, s.db, cluster.Config{
		Server:   s.id,
		Account:  s.root.Owner.Account,
		Region:   s.config.Region,
		Registry: s.config.Advertise,
		Images:   s.clusterImages(),
		Logs:     output{s.logs},
		Roles:    roles{s.accounts},
		Vault:    vault{s},
		Nodes:    s.nodes,
		Balancer: balancer{s},
	})
	if err != nil {
		return err
	}
	if err := s.openIngress(ctx); err != nil {
		return err
	}
	if err := s.openObjects(ctx); err != nil {
		return err
	}
	if err := s.openApart(ctx); err != nil {
		return err
	}
	return s.openFunctions(ctx)
}

// tellClients writes the file that "slipway env" reads. It comes last: what it says is true.
func (s *Server) tellClients(context.Context) error {
	return writeCredentials(s.config.Data, Credentials{
		Endpoint:        "http://" + s.config.Advertise,
		Region:          s.config.Region,
		AccountID:       s.root.Owner.Account,
		AccessKeyID:     s.root.ID,
		SecretAccessKey: s.root.Secret,
	})
}

// Run answers until ctx ends, and returns when all is still: first the doors drain, then the
// loops end. Call Close after it.
func (s *Server) Run(ctx context.Context) error {
	if err := s.ingress.Serve(ctx); err != nil { // first, so that who finds the server ready finds its load balancers
		slog.Warn("load balancers are served later", "error", err)
	}
	slog.Info("ready", "endpoint", "http://"+s.config.Advertise, "nodes", s.nodesAt(), "account", s.root.Owner.Account, "region", s.config.Region, "store", s.db.Dialect())
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { s.accounts.Run(loops) })
	running.Go(func() { s.audit.Run(loops) })
	running.Go(func() { s.runClosing(loops) })
	running.Go(func() { s.cluster.Run(loops) })
	running.Go(func() { s.logs.Run(loops) })
	running.Go(func() { s.hooks.Run(loops) })
	running.Go(func() { s.nodes.Run(loops) })
	running.Go(func() { s.registry.Run(loops) })
	running.Go(func() { s.secrets.Run(loops) })
	running.Go(func() { s.ingress.Run(loops) })
	running.Go(func() { s.objects.Run(loops) })
	running.Go(func() { s.runApart(loops) })
	lines, endLines := context.WithCancel(context.WithoutCancel(ctx))
	running.Go(func() {
		defer endLines()
		s.runFunctions(loops)
	})
	serving, endPeers := context.WithCancel(context.WithoutCancel(ctx))
	var others sync.WaitGroup
	others.Go(func() { s.servePeers(serving, lines) })
	running.Go(func() { s.keys.Run(loops) })
	if s.control != nil {
		running.Go(func() { serve(loops, newHTTPServer(s.controlHandler(loops)), s.control, drain) })
	}
	if s.admin != nil {
		running.Go(func() { serve(loops, newHTTPServer(s.adminHandler()), s.admin, 0) })
	}
	doors := s.handler(ctx)
	if s.wire != nil {
		running.Go(func() {
			serveWhile(ctx, newHTTPServer(s.nodeHandler(ctx, lines, doors)), tls.NewListener(s.wire, s.nodes.TLS()), drain, s.calling)
		})
	}
	err := serveWhile(ctx, newHTTPServer(doors), s.api, drain, s.calling)
	endPeers() // after the doors: until then calls of the others are made here
	others.Wait()
	stopLoops()
	running.Wait()
	return err
}

// nodesAt is where machines on this one join as nodes; "": nowhere.
func (s *Server) nodesAt() string {
	if s.wire == nil {
		return ""
	}
	return "https://" + reachable(s.wire.Addr().(*net.TCPAddr))
}

// Close gives everything back. It may be called on a server that is half open.
func (s *Server) Close() error {
	var all []error
	for _, l := range []net.Listener{s.api, s.admin, s.wire, s.control, s.others} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				all = append(all, err)
			}
		}
	}
	if s.audit != nil {
		all = append(all, s.audit.Close())
	}
	if s.db != nil {
		all = append(all, s.db.Close())
	}
	if s.lock != nil {
		all = append(all, s.lock.Close())
	}
	return errors.Join(all...)
}

// Node is the control plane as the node in the same process reaches it, without a wire between them. That
// node is the managing account's.
func (s *Server) Node() nodeapi.ControlPlane {
	return local{s.cluster, functionPlane{s}, s.root.Owner.Account, time.Now()}
}

type local struct {
	nodeapi.ControlPlane
	nodeapi.FunctionPlane
	account string
	since   time.Time // a node that was deregistered comes back when the process starts anew
}

// Session satisfies nodeapi.ControlPlane.
func (l local) Session(ctx context.Context, hello nodeapi.Hello, send func(nodeapi.Frame) error) error {
	hello.Account, hello.Since = l.account, l.since
	hello.Attributes = withAddress(hello.Attributes, "127.0.0.1")
	return l.ControlPlane.Session(ctx, hello, send)
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readyz says whether calls can be answered now: whether the database can be reached.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		slog.Warn("not ready", "error", err)
		http.Error(w, "the database cannot be reached", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}
