// Package hooks tells others what happened: it posts the events of the log that a hook asks for to
// its URL, signed, at least once each, and tries again until a letter was taken or is given up.
//
// It reads events and knows no room that writes them. Letters of one hook go out one after the
// other, those that had to be tried again later than those that came after them; the number of the
// event is in each.
package hooks

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"slipway/events"
	"slipway/internal/loop"
	"slipway/seal"
	"slipway/store"
)

//go:embed schema
var schema embed.FS

// letters is touched when there are new ones.
const letters = "hooks.letters"

// Control is the hooks.
type Control struct {
	db      *store.DB
	secrets *seal.Column
	far     *http.Client // for addresses of other machines only
	local   *http.Client

	firstPause time.Duration // before the second try; each further one is twice as long
	period     time.Duration
	maxDead    int // letters of a hook
	maxWaiting int

	mu   sync.Mutex
	busy map[string]bool // hooks whose letters are going out
}

// New brings the tables up to date. The tables of events must be there.
func New(ctx context.Context, db *store.DB, keys *seal.Keys) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "hooks", files); err != nil {
		return nil, err
	}
	secrets, err := keys.Column(ctx, "hooks_hooks", "id", "sealed")
	return &Control{
		db: db, secrets: secrets, far: newClient(checkFar), local: newClient(nil),
		firstPause: 5 * time.Second, period: 5 * time.Second, maxDead: maxDead, maxWaiting: maxWaiting, busy: map[string]bool{},
	}, err
}

// Run writes and delivers letters until ctx ends, and returns when none is on its way.
func (c *Control) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() {
		wake, stop := c.db.Watch(events.Topic)
		defer stop()
		loop.Run(ctx, "hooks", c.period, wake, c.write)
	})
	running.Go(func() {
		wake, stop := c.db.Watch(letters)
		defer stop()
		loop.Run(ctx, "hook letters", c.period, wake, func(ctx context.Context) error { return c.deliver(ctx, &running) })
	})
	running.Go(func() { loop.Run(ctx, "dead hook letters", time.Hour, nil, c.forgetDead) })
	running.Wait()
}
