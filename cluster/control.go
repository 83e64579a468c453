// Package cluster is the room of containers at work: clusters, task definitions, the
// nodes that run containers, and tasks from their placement to their end.
//
// It decides what should run where and writes down what the nodes say is so; it runs
// nothing itself. It keeps no images, logs or roles: for those it has the small
// interfaces Images, Logs and Roles.
package cluster

import (
	"cmp"
	"context"
	"embed"
	"io/fs"
	"sync"
	"time"

	"slipway/internal/loop"
	"slipway/nodeapi"
	"slipway/store"
)

// Images knows the images of Slipway's own registry.
type Images interface {
	// Find tells where account's containers get the image that a definition calls name, if it
	// is in our own registry: the zero Image if it is not. An image that should be there and is
	// missing has a Ref and no Digest.
	Find(ctx context.Context, account, name string) (Image, error)
	// Login returns a short-lived login with which a node pulls the image for account.
	Login(ctx context.Context, account string, image Image) (nodeapi.Login, error)
}

// Image is where an image of our own registry is pulled from.
type Image struct {
	Ref    string `json:"ref,omitempty"`    // "host:port/name:tag"
	Digest string `json:"digest,omitempty"` // what the tag stands for now: "sha256:..."
	Owner  string `json:"owner,omitempty"`  // the account whose image it is; "": the task's own
}

// Logs keeps what containers print.
type Logs interface {
	// Write keeps a piece of output of one of account's containers in the stream o.Log. What was
	// kept before is not kept twice. It returns the byte from which the output should go on.
	Write(ctx context.Context, account string, o nodeapi.Output) (next int64, err error)
}

// Config is what a Control is made of.
type Config struct {
	Server   string // tells this server from others over the same database, also after it was started anew; "": Registry
	Account  string // the root account, which has the default cluster
	Region   string
	Registry string // host:port of our own registry, as nodes see it
	Images   Images
	Logs     Logs
	Roles    Roles
	Nodes    Nodes     // nil: nobody keeps who may join
	Vault    Vault     // nil: definitions can name nothing by reference
	Balancer Balancer  // nil: target groups are kept and shown, and nothing is given to them
	Alarms   AlarmBell // nil: alarms are kept and shown, and never sound

	KeepAlive   time.Duration // a session proves that it is alive this often; 0: 10 s
	KeepStopped time.Duration // a stopped task can be described this long; 0: 24 h
	Services    ServiceRules
}

// Control is the control plane of all clusters. It holds no state of its own but the lines of those who
// are in containers, so any number of servers can have one over the same database.
type Control struct {
	db      *store.DB
	config  Config
	queue   queue
	books   books
	streams *streams

	schedulers *schedulerLines
}

//go:embed schema
var schema embed.FS

// New brings the tables up to date and makes the root account's default cluster, unless it has
// been there before. The tables of events must be there.
func New(ctx context.Context, db *store.DB, config Config) (*Control, error) {
	if config.KeepAlive == 0 {
		config.KeepAlive = 10 * time.Second
	}
	if config.KeepStopped == 0 {
		config.KeepStopped = 24 * time.Hour
	}
	config.Server = cmp.Or(config.Server, config.Registry)
	config.Services = config.Services.filled()
	if config.Nodes == nil {
		config.Nodes = open{}
	}
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "cluster", files); err != nil {
		return nil, err
	}
	c := &Control{db: db, config: config, streams: newStreams(), schedulers: newSchedulerLines()}
	return c, db.Update(ctx, func(tx *store.Tx) error {
		_, err := insertCluster(tx, config.Account, DefaultCluster)
		return err
	})
}

// open lets every node join.
type open struct{}

func (open) Forget(context.Context, string) error { return nil }

// Run keeps the room tidy until ctx ends: it notices sessions that died with their server,
// ends the credentials of tasks that have stopped, takes away definitions that are to go, and forgets what has been over for long.
func (c *Control) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { loop.Run(ctx, "cluster.stale", c.config.KeepAlive, nil, c.dropStale) })
	loops.Go(func() { loop.Run(ctx, "cluster.revoke", c.config.KeepAlive, nil, c.revokeStopped) })
	loops.Go(func() { loop.Run(ctx, "cluster.execs", tokenLife, nil, c.forgetExecs) })
	loops.Go(func() { loop.Run(ctx, "cluster.delete", c.config.KeepAlive, nil, c.deleteUnused) })
	loops.Go(func() { c.runLeaving(ctx) })
	loops.Go(func() { loop.Run(ctx, "cluster.prefetch", time.Minute, nil, c.expirePrefetches) })
	loops.Go(func() { loop.Run(ctx, "cluster.holds", c.config.KeepAlive, nil, c.keepHolds) })
	loops.Go(func() { c.runServices(ctx) })
	loops.Go(func() { c.watchSchedulers(ctx) })
	loops.Go(func() { loop.Run(ctx, "cluster.prune", c.config.KeepStopped/24, nil, c.prune) })
	loops.Wait()
}
