package home

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"slipway/internal/errs"
	"slipway/internal/loop"
	"slipway/store"
	"slipway/store/lease"
)

//go:embed schema
var schema embed.FS

// What Find fails with.
var (
	ErrMoved   = errs.New(errs.Unavailable, "the functions of the account are at another server now")
	ErrClosing = errs.New(errs.Unavailable, "this server is about to end")
)

// Topic is touched whenever an account has come to another server.
const Topic = "function homes"

// DefaultLife is how long a server that says nothing keeps the accounts that it has.
const DefaultLife = 6 * time.Second

const table lease.Table = "function_homes"

// Config is what Homes are made with.
type Config struct {
	Server  string        // id of this one, the same over restarts: no two processes have it at a time
	Address string        // host:port where the other servers reach it
	Life    time.Duration // 0: DefaultLife
	// Lost is told that the fleet of an account is not here any more. It may not wait.
	Lost func(account string)
}

// Homes knows at which server the fleet of each account is, as far as anybody has asked. nil is that of a server that
// is alone: all are there.
type Homes struct {
	db     *store.DB
	config Config

	mu      sync.RWMutex
	known   map[string]*Home
	closing bool
	finding singleflight.Group
	asking  sync.Mutex // held from a question to the database until what it said is known: answers come in their order
}

// New brings the table up to date, and gives back what a process before this one had.
func New(ctx context.Context, db *store.DB, c Config) (*Homes, error) {
	if c.Life == 0 {
		c.Life = DefaultLife
	}
	if c.Lost == nil {
		c.Lost = func(string) {}
	}
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "function_homes", files); err != nil {
		return nil, err
	}
	h := &Homes{db: db, config: c, known: map[string]*Home{}}
	return h, h.drop(ctx)
}

func (h *Homes) drop(ctx context.Context) error {
	return h.db.Update(ctx, func(tx *store.Tx) error {
		tx.Touch(Topic)
		return table.DropAll(tx, h.config.Server)
	})
}

// sure is for how long this server uses what it has the lease of: less than that lasts, for clocks are not quite in step.
func (h *Homes) sure() time.Duration { return h.config.Life - h.config.Life/6 }

// At is where the fleet of an account is; nil: nobody has it, for all that is known. It reads no database.
func (h *Homes) At(account string) *Home {
	if h == nil {
		return only
	}
	h.mu.RLock()
	at := h.known[account]
	h.mu.RUnlock()
	if at == nil || !at.Certain() {
		return nil
	}
	return at
}

// Find is where the fleet of an account is. This server takes it where nobody has it. As long as that is known no
// database is read.
func (h *Homes) Find(ctx context.Context, account string) (*Home, error) {
	if at := h.At(account); at != nil {
		return at, nil
	}
	found := h.finding.DoChan(account, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.config.Life) // it is for all who wait
		defer cancel()
		return h.find(ctx, account)
	})
	select {
	case got := <-found:
		at, _ := got.Val.(*Home)
		return at, got.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *Homes) find(ctx context.Context, account string) (*Home, error) {
	h.asking.Lock()
	defer h.asking.Unlock()
	closing, began := h.isClosing(), time.Now()
	var r row
	var now time.Time
	err := h.db.Update(ctx, func(tx *store.Tx) (err error) {
		now = tx.Now
		r, err = take(tx, account, h.config, closing)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNoRows):
		return nil, ErrClosing
	case err != nil:
		return nil, fmt.Errorf("where functions of account %s are: %w", account, err)
	}
	at, newly := h.learn(r, began, now)
	if newly && at.Here {
		slog.Info("the functions of an account are called by this server from now on", "account", account)
	}
	if !at.Certain() {
		return nil, ErrMoved
	}
	return at, nil
}

func (h *Homes) isClosing() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.closing
}

// learn takes what a row said. A home that it is not at any more ends.
func (h *Homes) learn(r row, began, now time.Time) (at *Home, newly bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at = h.known[r.account]
	if at == nil || !at.same(r) {
		h.forget(at)
		at, newly = newHome(r, h.config.Server), true
		h.known[r.account] = at
	}
	life := h.sure()
	if !at.Here {
		life = min(r.until.Sub(now), h.config.Life)
	}
	at.certainFor(began, life)
	return at, newly
}

// forget ends a home. It is called under the lock.
func (h *Homes) forget(at *Home) {
	if at == nil {
		return
	}
	delete(h.known, at.Account)
	at.certainFor(start, 0)
	at.move()
	if at.Here {
		slog.Warn("the functions of an account are not called by this server any more", "account", at.Account)
		h.config.Lost(at.Account)
	}
}

// Run keeps what this server has, and what is known of the others true, until ctx ends.
func (h *Homes) Run(ctx context.Context) {
	if h == nil {
		return
	}
	wake, stop := h.db.Watch(Topic)
	defer stop()
	loop.Run(ctx, "function homes", h.config.Life/3, wake, h.pass)
}

// pass makes the leases of this server longer and looks who has the others.
func (h *Homes) pass(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.config.Life)
	defer cancel()
	h.asking.Lock()
	defer h.asking.Unlock()
	began, asked := time.Now(), h.accounts()
	if len(asked) == 0 {
		return nil
	}
	var rows map[string]row
	var now time.Time
	err := h.db.Update(ctx, func(tx *store.Tx) (err error) {
		now = tx.Now
		if err := table.Keep(tx, h.config.Server, h.config.Life); err != nil {
			return err
		}
		rows, err = readAll(tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, account := range asked {
		if _, is := rows[account]; !is {
			h.vacate(account)
		}
	}
	for account, r := range rows { // also of what was taken though its taker heard nothing of it
		if r.server == h.config.Server || slices.Contains(asked, account) {
			h.learn(r, began, now)
		}
	}
	return nil
}

func (h *Homes) accounts() []string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	all := make([]string, 0, len(h.known))
	for account := range h.known {
		all = append(all, account)
	}
	return all
}

// vacate takes note that nobody has an account.
func (h *Homes) vacate(account string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(h.known[account])
}

// Closing has this server take no more accounts.
func (h *Homes) Closing() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closing = true
}

// Leave gives back what this server has, once nothing of it is in use any more.
func (h *Homes) Leave(ctx context.Context) error {
	if h == nil {
		return nil
	}
	h.Closing()
	h.mu.Lock()
	for _, at := range h.known {
		at.certainFor(start, 0)
	}
	h.mu.Unlock()
	return h.drop(ctx)
}
