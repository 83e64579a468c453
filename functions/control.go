// Package functions is the room of code that is run on demand: functions, their versions and aliases, the code
// that they are made of, and calls of them.
//
// It decides what is to be run and remembers it; functions/fleet runs it. The room knows no wire and decides
// nothing about callers.
package functions

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"sync"
	"time"

	"slipway/blob"
	"slipway/functions/home"
	"slipway/internal/loop"
	"slipway/seal"
	"slipway/store"
)

//go:embed schema
var schema embed.FS

// Control is the room. It is safe for use by many goroutines.
type Control struct {
	db           *store.DB
	blobs        blob.Store
	config       Config
	environments *seal.Column
	shared       bool // other servers may work on the same database
	links        []byte
	known        known
	left         remembered[string, int] // of each account's concurrency, for functions without a part of it
	readying     readying
	policies     remembered[Ref, string]
	urls         remembered[string, URL]
	calls        *queue // those that are made later
}

// Config is what the room is told at its start.
type Config struct {
	Region  string // that of all ARNs
	Images  Images
	Roles   Roles
	Fleet   Fleet
	Objects Objects // nil: there are no buckets

	Homes *home.Homes // where the fleet of each account is; nil: all are Fleet
	Peers Peers       // the servers that have the others; nil: there are none

	Calls CallConfig

	// CheckPolicy has every policy checked before it is kept; nil: none is taken.
	CheckPolicy func(text string) error
	// Advertise is the host:port of the API, for links to it.
	Advertise string
	// Domain is that of the URLs of functions: LABEL.lambda-url.REGION.DOMAIN.
	Domain string
	// Concurrency is how many calls at a time the functions of an account may be in; 0: DefaultConcurrency.
	Concurrency int
}

// New brings the tables up to date; those of events must be there. Environments are sealed under keys, which are
// those of the database; code lies in blobs, which nobody else has.
func New(ctx context.Context, db *store.DB, keys *seal.Keys, blobs blob.Store, config Config) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "functions", files); err != nil {
		return nil, err
	}
	c := &Control{db: db, blobs: blobs, config: config, shared: db.Dialect() == "postgres"}
	c.readying.c = c
	c.calls = newQueue(db, config.Calls, c.makeCall, c.eventRules)
	if c.environments, err = keys.Column(ctx, "functions_environments", "id", "sealed"); err != nil {
		return nil, err
	}
	return c, c.openLinks(ctx, keys)
}

// Region is where all functions are.
func (c *Control) Region() string { return c.config.Region }

// Run makes the calls that were accepted to be made later, and does what else is to be done, until ctx ends.
func (c *Control) Run(ctx context.Context) {
	pending, stop := c.db.Watch(pendingTopic)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { c.follow(ctx) })
	running.Go(func() { c.calls.Run(ctx) })
	running.Go(func() { loop.Run(ctx, "functions ready", readyPeriod, pending, c.readying.pass) })
	running.Go(func() { c.provision(ctx) })
	running.Go(func() { loop.Run(ctx, "functions code", sweepPeriod, nil, c.sweep) })
	running.Wait()
	c.readying.running.Wait()
}

const sweepPeriod = 10 * time.Minute

// sweep takes away what nothing uses.
func (c *Control) sweep(ctx context.Context) error {
	return errors.Join(c.sweepEnvironments(ctx), c.sweepUploads(ctx), c.sweepCode(ctx))
}

func (c *Control) sweepEnvironments(ctx context.Context) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from functions_environments where not exists (select 1 from functions_versions v where v.environment = functions_environments.id)`)
		return err
	})
}

// sweepUploads ends uploads of which nothing came for a day: whoever began them is gone.
func (c *Control) sweepUploads(ctx context.Context) error {
	list, err := c.blobs.Uploads(ctx)
	for _, u := range list {
		if time.Since(u.Changed) > 24*time.Hour {
			err = errors.Join(err, c.blobs.Cancel(ctx, u.ID))
		}
	}
	return err
}

// ForgetAccount deletes all that an account has here.
func (c *Control) ForgetAccount(ctx context.Context, account string) error {
	return c.write(ctx, func(tx *store.Tx) error {
		_, err1 := tx.Exec(`delete from functions_functions where account = $1`, account)
		_, err2 := tx.Exec(`delete from functions_layers where account = $1`, account)
		return errors.Join(err1, err2, forgetCalls(tx, account))
	})
}
