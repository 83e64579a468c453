package accounts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/ids"
	"slipway/store"
	"slipway/store/storetest"
)

func TestKeyIsKnownUntilItIsDeleted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		team, err := c.CreateAccount(t.Context(), "team")
		if err != nil {
			t.Fatal(err)
		}
		key, err := c.CreateKey(t.Context(), team.ID)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // read, then remembered
			if got, err := c.Key(t.Context(), key.ID); err != nil || got != key {
				t.Errorf("key is %+v, %v, want %+v", got, err, key)
			}
		}
		if err := c.DeleteKey(t.Context(), us, key.ID); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("another account deleted it: %v", err)
		}
		if err := c.DeleteKey(t.Context(), team.ID, key.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Key(t.Context(), key.ID); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("after its deletion: error %v", err)
		}
	})
}

func TestKeyOfAClosedAccountIsUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		key := bootstrap(t, c, us)
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update accounts set state = 'closed' where id = $1`, us)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Key(t.Context(), key.ID); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("error %v", err)
		}
	})
}

func TestKeyOfNoAccountIsNotMade(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	if _, err := c.CreateKey(t.Context(), us); !errors.Is(err, ErrNoAccount) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsNoKeyIDIsNotLookedUp(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	c.keys.read = func(context.Context, string) (Key, error) { panic("looked up") }
	for _, id := range []string{"", "AKIA", "akiaaaaaaaaaaaaaaaaa", "AKIA0000000000000000", "AKIAAAAAAAAAAAAAAAAAA", "ASIAAAAAAAAAAAAAAAAA", "AKIA' or 1=1 --AAAAA"} {
		if _, err := c.Key(t.Context(), id); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%q: error %v", id, err)
		}
	}
}

// ring returns a keyring over a made-up table, how often the table was read, and how to say
// that it has changed.
func ring(table map[string]Key) (r *keyring, reads *atomic.Int64, change func()) {
	changed := make(chan struct{}, 1)
	reads = new(atomic.Int64)
	r = newKeyring(changed, func(_ context.Context, id string) (Key, error) {
		reads.Add(1)
		if key, ok := table[id]; ok {
			return key, nil
		}
		return Key{}, fmt.Errorf("%w: %s", ErrUnknownKey, id)
	})
	return r, reads, func() { changed <- struct{}{} }
}

func TestRingReadsOnceUntilKeysChange(t *testing.T) {
	r, reads, change := ring(map[string]Key{"good": {Secret: "s"}})
	for range 3 {
		if key, err := r.get(t.Context(), "good"); key.Secret != "s" || err != nil {
			t.Errorf("got %v, %v", key, err)
		}
		if _, err := r.get(t.Context(), "bad"); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("error %v", err)
		}
	}
	if n := reads.Load(); n != 2 {
		t.Errorf("%d reads, want one for each id", n)
	}
	change()
	r.get(t.Context(), "good")
	if n := reads.Load(); n != 3 {
		t.Errorf("%d reads after a change, want 3", n)
	}
}

func TestRingBelievesNothingForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, reads, _ := ring(map[string]Key{"good": {Secret: "s"}})
		r.get(t.Context(), "good")
		time.Sleep(ringMemory - 1)
		r.get(t.Context(), "good")
		if n := reads.Load(); n != 1 {
			t.Errorf("%d reads, want 1", n)
		}
		time.Sleep(1)
		r.get(t.Context(), "good")
		if n := reads.Load(); n != 2 {
			t.Errorf("%d reads, want 2", n)
		}
	})
}

func TestRingDoesNotKeepWhatWasReadBeforeAChange(t *testing.T) {
	r, reads, change := ring(map[string]Key{"good": {Secret: "s"}})
	read := r.read
	r.read = func(ctx context.Context, id string) (Key, error) {
		key, err := read(ctx, id)
		if reads.Load() == 1 {
			change() // it is revoked between the read and its return
			r.recall("other")
		}
		return key, err
	}
	r.get(t.Context(), "good")
	r.get(t.Context(), "good")
	if n := reads.Load(); n != 2 {
		t.Errorf("%d reads, want 2: a stale key was kept", n)
	}
}

func TestRingDoesNotKeepPassingFailures(t *testing.T) {
	r, _, _ := ring(nil)
	failing := errors.New("database is gone")
	r.read = func(context.Context, string) (Key, error) { return Key{}, failing }
	if _, err := r.get(t.Context(), "good"); !errors.Is(err, failing) {
		t.Errorf("error %v", err)
	}
	r.read = func(context.Context, string) (Key, error) { return Key{Secret: "s"}, nil }
	if key, err := r.get(t.Context(), "good"); key.Secret != "s" || err != nil {
		t.Errorf("got %v, %v", key, err)
	}
}

func TestRingIsBoundedAndTriedIDsDoNotPushOutKeys(t *testing.T) {
	r, reads, _ := ring(map[string]Key{"good": {Secret: "s"}})
	r.get(t.Context(), "good")
	for i := range 5 * ringSize {
		r.get(t.Context(), fmt.Sprint("bad", i))
	}
	if n := len(r.unknown.recent) + len(r.unknown.older); n > 2*ringSize {
		t.Errorf("%d ids remembered", n)
	}
	before := reads.Load()
	r.get(t.Context(), "good")
	if reads.Load() != before {
		t.Error("the good key was forgotten")
	}
}

func TestRingLimitsReadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := ring(nil)
		var now, most atomic.Int64
		r.read = func(context.Context, string) (Key, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return Key{}, ErrUnknownKey
		}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() { r.get(t.Context(), fmt.Sprint(i)) })
		}
		all.Wait()
		if n := most.Load(); n != ringReaders {
			t.Errorf("%d reads at once, want %d", n, ringReaders)
		}
	})
}

func BenchmarkKey(b *testing.B) {
	c := open(b, storetest.SQLite(b))
	key := bootstrap(b, c, us)
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Key(b.Context(), key.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unknown", func(b *testing.B) {
		for b.Loop() {
			c.Key(b.Context(), "AKIA"+ids.Base32(16))
		}
	})
	b.Run("authorize", func(b *testing.B) {
		for b.Loop() {
			c.Authorize(b.Context(), &key.Owner, &Request{Action: "ecs:RunTask", Resource: "arn:aws:ecs:us-east-1:123456789012:task/web/1"})
		}
	})
}
