// Package logs is the room of what containers and programs print: log groups, their
// streams, and the events in them, kept byte by byte.
//
// It parses no message and measures nothing in them. It reads no container's output
// itself: that comes in pieces through Append, each kept once however often it comes.
package logs

import (
	"context"
	"embed"
	"io/fs"
	"sync"
	"time"

	"slipway/internal/ids"
	"slipway/internal/loop"
	"slipway/store"
)

// Control is the room. It holds no state of its own, so any number of servers can have one over
// the same database. It is safe for use by many goroutines.
type Control struct {
	db    *store.DB
	codec *codec
	queue queue

	checkPolicy func(text string) error
	bucket      Bucket
	holder      string // of exports: who this is among servers
	exportHold  time.Duration
}

//go:embed schema
var schema embed.FS

// New brings the tables up to date.
func New(ctx context.Context, db *store.DB, options ...Option) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "logs", files); err != nil {
		return nil, err
	}
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	c := &Control{db: db, codec: codec, queue: newQueue(), checkPolicy: uncheckedPolicy,
		bucket: noBucket{}, holder: ids.Hex(16), exportHold: exportHold}
	for _, set := range options {
		set(c)
	}
	return c, nil
}

// Run takes away what was deleted or is past its retention, and works on exports, until ctx ends.
func (c *Control) Run(ctx context.Context) {
	var exports sync.WaitGroup
	defer exports.Wait()
	exports.Go(func() {
		wake, stop := c.db.Watch(exportTopic)
		defer stop()
		loop.Run(ctx, "logs.exports", 20*time.Second, wake, c.runExports)
	})
	wake, stop := c.db.Watch(sweepTopic)
	defer stop()
	loop.Run(ctx, "logs.sweep", time.Minute, wake, c.sweep)
}
