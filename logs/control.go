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
	"time"

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
	c := &Control{db: db, codec: codec, queue: newQueue(), checkPolicy: uncheckedPolicy}
	for _, set := range options {
		set(c)
	}
	return c, nil
}

// Run takes away what was deleted or is past its retention, until ctx ends.
func (c *Control) Run(ctx context.Context) {
	wake, stop := c.db.Watch(sweepTopic)
	defer stop()
	loop.Run(ctx, "logs.sweep", time.Minute, wake, c.sweep)
}
