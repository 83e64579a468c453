// Package audit is the room of what was done: a record of every call, allowed or not, that tells
// who asked for what, when, from where and with what outcome.
//
// Records are kept in order and cannot be altered: there is no function for it, and what is done to
// them behind the room's back is found by Verify. They hold no parameters of calls and no answers,
// so they hold no secrets. The room decides nothing about calls; whoever answers them gives each
// to Record before the answer goes out.
package audit

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"slipway/internal/loop"
	"slipway/seal"
	"slipway/store"
)

// Config is what an operator chooses.
type Config struct {
	Retention time.Duration // how long records are kept; 0: 90 days, as AWS CloudTrail's event history
	Backlog   int64         // bytes of records that may wait while the database is away; 0: 1 GiB, some three million calls
}

const (
	defaultRetention = 90 * 24 * time.Hour
	defaultBacklog   = 1 << 30
)

// Control is the room. It is safe for use by many goroutines. Any number of servers can have one
// over the same database, each with a folder of its own.
type Control struct {
	db        *store.DB
	key       []byte // see chain
	retention time.Duration
	codec     *codec
	spool     *spool
	strangers strangers

	moving chan struct{} // held by who moves records into the database
	gone   []string      // segments that are moved and taken away, but still have a row
}

//go:embed schema
var schema embed.FS

// New brings the tables up to date, and finds in dir the records that an earlier process of this
// server has left. The folder is made if it is not there, for its owner alone; no other process
// may use it. What chains of records are sealed with is itself sealed under keys, which are those
// of the database.
func New(ctx context.Context, db *store.DB, dir string, keys *seal.Keys, config Config) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "audit", files); err != nil {
		return nil, err
	}
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	key, err := chainKey(ctx, db, keys)
	if err != nil {
		return nil, err
	}
	c := &Control{db: db, key: key, retention: config.Retention, codec: codec, moving: make(chan struct{}, 1)}
	if c.retention == 0 {
		c.retention = defaultRetention
	}
	if config.Backlog == 0 {
		config.Backlog = defaultBacklog
	}
	c.spool, err = openSpool(dir, config.Backlog)
	return c, err
}

const (
	tendPeriod  = time.Second // what a power cut may take
	movePeriod  = time.Second // until a call can be looked up on another server
	sweepPeriod = time.Hour
	lastMove    = 2 * time.Second // for what is left when the server stops
)

// Run brings records to disk and into the database, and takes away those past their retention,
// until ctx ends. What it leaves is found by the next New.
func (c *Control) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() {
		loop.Run(ctx, "audit.spool", tendPeriod, c.spool.full, func(context.Context) error { return errors.Join(c.tellOmitted(), c.spool.tend()) })
	})
	running.Go(func() { loop.Run(ctx, "audit.move", movePeriod, nil, c.move) })
	running.Go(func() { loop.Run(ctx, "audit.sweep", sweepPeriod, nil, c.sweep) })
	running.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastMove)
	defer cancel()
	if err := errors.Join(c.spool.tend(), c.move(last)); err != nil {
		slog.Warn("the last records of the audit wait for the next start", "error", err)
	}
}

// Close ends recording. Call it when Run has returned.
func (c *Control) Close() error {
	err := c.spool.close()
	_, clearErr := c.spool.clear()
	return errors.Join(err, clearErr)
}
