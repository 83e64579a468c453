package functions

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"slipway/store"
)

// known is what calls run, by what they name, so that a call reads no database. What was read in one epoch is held
// against the database once in the next, by the number of its function.
type known struct {
	epoch   atomic.Uint64 // counts changes of any function, here and as far as this server has heard of them
	age     atomic.Uint64 // counts how often everything was to be read again
	mu      sync.RWMutex
	found   map[Ref]*finding
	reading singleflight.Group
}

// finding is what a name stood for.
type finding struct {
	epoch      atomic.Uint64 // in which it was so
	age        uint64
	function   string // id
	number     int64
	unreserved int     // of its account
	target     *Target // nil: err says why
	err        error
}

// knownLife is after how long everything is read again: images of runtimes may have been replaced.
const knownLife = 10 * time.Minute

// follow hears of changes that other servers make, until ctx ends.
func (c *Control) follow(ctx context.Context) {
	wake, stop := c.db.Watch(topic)
	defer stop()
	old := time.NewTicker(knownLife)
	defer old.Stop()
	for {
		c.known.epoch.Add(1)
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-old.C:
			c.known.age.Add(1)
		}
	}
}

func (k *known) get(r Ref) *finding {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.found[r]
}

// keep remembers what was found. When that has become too much it begins anew.
func (k *known) keep(r Ref, f *finding) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.found == nil || len(k.found) >= mostRemembered {
		k.found = map[Ref]*finding{}
	}
	k.found[r] = f
}

// find returns what a name stands for now.
func (c *Control) find(ctx context.Context, r Ref) (*finding, error) {
	if f := c.known.get(r); f != nil && f.epoch.Load() == c.known.epoch.Load() {
		return f, nil
	}
	read := c.known.reading.DoChan(r.Account+"/"+r.Name+":"+r.Qualifier, func() (any, error) {
		return c.findAnew(context.WithoutCancel(ctx), r) // it is for all who wait
	})
	select {
	case got := <-read:
		f, _ := got.Val.(*finding)
		return f, got.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// findAnew asks the database whether what is remembered is so, and reads it if it is not.
func (c *Control) findAnew(ctx context.Context, r Ref) (*finding, error) {
	r = Ref{strings.Clone(r.Account), strings.Clone(r.Name), strings.Clone(r.Qualifier)} // they may be parts of a request
	epoch := c.known.epoch.Load()                                                        // whoever changes something after that is in a later one
	was, age := c.known.get(r), c.known.age.Load()
	if was != nil && was.age == age {
		same, err := c.unchanged(ctx, epoch, r, was)
		if err != nil {
			return nil, err
		}
		if same {
			was.epoch.Store(epoch)
			return was, nil
		}
	}
	f, err := c.read(ctx, epoch, r)
	if err != nil {
		return nil, err
	}
	if f.keepImage(was); errors.Is(f.err, ErrRuntime) {
		return nil, f.err // it may come, and no number tells of that
	}
	f.age = age
	f.epoch.Store(epoch)
	c.known.keep(r, f)
	return f, nil
}

// keepImage has a release go on with the image that it had, where that is not to be found any more: what runs of it
// need not stop for that.
func (f *finding) keepImage(was *finding) {
	if !errors.Is(f.err, ErrRuntime) || was == nil || was.err != nil || was.target.other != nil {
		return
	}
	if now, before := f.target.Release, was.target.Release; now.ID == before.ID {
		now.Runtime, f.err = before.Runtime, nil
	}
}

func (c *Control) unchanged(ctx context.Context, epoch uint64, r Ref, f *finding) (bool, error) {
	var id string
	var number int64
	err := c.db.Row(ctx, `select id, number from functions_functions where account = $1 and name = $2`, r.Account, []byte(r.Name)).Scan(&id, &number)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	if err != nil || id != f.function || number != f.number {
		return false, err
	}
	unreserved, err := c.unreservedIn(ctx, epoch, r.Account)
	return unreserved == f.unreserved, err
}

// unreservedIn is unreserved, counted once in an epoch for all functions of an account.
func (c *Control) unreservedIn(ctx context.Context, epoch uint64, account string) (int, error) {
	return c.left.get(epoch, account, func() (n int, err error) {
		err = c.db.View(ctx, func(tx *store.Tx) error {
			n, err = c.unreserved(tx, account, "")
			return err
		})
		return n, err
	})
}
