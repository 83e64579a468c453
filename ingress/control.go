// Package ingress is the room of load balancers: what they are, what they listen on, by which rules they decide,
// and which targets they pass on to. It keeps all of it in tables, and has the data path (ingress/proxy) serve what
// the tables say: on every server, which all do the same.
//
// It knows no wire and no tasks. Who has tasks gives their ports to a target group with Attach.
package ingress

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"slipway/ingress/proxy"
	"slipway/internal/arn"
	"slipway/internal/loop"
	"slipway/store"
)

//go:embed schema
var schema embed.FS

// Config is what the room is told about where it is.
type Config struct {
	Region string // of all ARNs
	Bind   string // the host that listeners bind to; "": 127.0.0.1
	// Machine finds the address of a machine of an account's, by the id that its instance has; nil: none is known.
	Machine func(ctx context.Context, account, id string) (string, error)
	// Refuses says that nobody may have a target at an address; nil: all may be.
	Refuses func(ip netip.Addr, port int) bool
}

// Control is the room. It is safe for use by many goroutines.
type Control struct {
	db     *store.DB
	config Config
	front  *proxy.Front
	wake   chan struct{}

	applying sync.Mutex
}

// New brings the tables up to date. Nothing listens before Serve or Run.
func New(ctx context.Context, db *store.DB, config Config) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "ingress", files); err != nil {
		return nil, err
	}
	config.Bind = cmp.Or(config.Bind, "127.0.0.1")
	return &Control{db: db, config: config, front: proxy.New(config.Bind), wake: make(chan struct{}, 1)}, nil
}

// Region is where everything of this room is.
func (c *Control) Region() string { return c.config.Region }

// topic wakes all servers when anything changes.
const topic = "ingress"

const (
	period = 15 * time.Second
	drain  = 5 * time.Second // how long requests may take to end when the server stops
)

// Serve begins to serve what the tables say now, and returns when it does. Run has to follow.
func (c *Control) Serve(ctx context.Context) error { return c.apply(ctx) }

// Run serves what the tables say until ctx ends, and returns when all is still.
func (c *Control) Run(ctx context.Context) {
	woken, stop := c.db.Watch(topic)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { c.front.Run(ctx, drain) })
	running.Go(func() { c.passOn(ctx, woken) })
	loop.Run(ctx, "ingress", period, c.wake, c.pass)
	running.Wait()
}

func (c *Control) passOn(ctx context.Context, woken <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-woken:
			c.poke()
		}
	}
}

func (c *Control) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// pass takes away the targets whose delay is over, and serves what is left.
func (c *Control) pass(ctx context.Context) error {
	next, err := c.sweep(ctx)
	if !next.IsZero() {
		time.AfterFunc(max(time.Until(next), 10*time.Millisecond), c.poke)
	}
	return errors.Join(err, c.apply(ctx))
}

// apply serves what the tables say now.
func (c *Control) apply(ctx context.Context) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	plan, err := c.plan(ctx)
	if err == nil {
		c.front.Set(plan)
	}
	return err
}

// change writes something, and serves it before it returns. That other servers do so too is not waited for.
func (c *Control) change(ctx context.Context, f func(*store.Tx) error) error {
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		tx.Touch(topic)
		return f(tx)
	})
	if err != nil {
		return err
	}
	if err := c.apply(context.WithoutCancel(ctx)); err != nil {
		slog.WarnContext(ctx, "what was changed is served later", "error", err)
	}
	return nil
}

// ForgetAccount deletes all that an account has here.
func (c *Control) ForgetAccount(ctx context.Context, account string) error {
	return c.change(ctx, func(tx *store.Tx) error {
		_, err1 := tx.Exec(`delete from ingress_balancers where account = $1`, account)
		_, err2 := tx.Exec(`delete from ingress_groups where account = $1`, account)
		return errors.Join(err1, err2)
	})
}

// arn is the name of something of an account's.
func (c *Control) arn(account, resource string) string {
	return arn.ARN{Service: "elasticloadbalancing", Region: c.config.Region, Account: account, Resource: resource}.String()
}

// below is the part of an ARN behind its kind.
func below(name string) string {
	_, rest, _ := strings.Cut(name[strings.LastIndexByte(name, ':')+1:], "/")
	return rest
}
