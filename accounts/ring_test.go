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
)

// table is what a test's ring reads, how often it was read, and how to say that it has changed.
type table struct {
	*ring[string]
	rows    map[string]string
	reads   atomic.Int64
	changes chan struct{}
}

var errNothing = errors.New("nothing")

func newTable(rows map[string]string) *table {
	changes := make(chan struct{}, 1)
	return &table{ring: newRing[string](changes, errNothing, 100, nil), rows: rows, changes: changes}
}

func (t *table) change() { t.changes <- struct{}{} }

func (t *table) read(_ context.Context, id string) (string, error) {
	t.reads.Add(1)
	if row, ok := t.rows[id]; ok {
		return row, nil
	}
	return "", fmt.Errorf("%w: %s", errNothing, id)
}

// want fails unless so many reads were made by now.
func (t *table) want(test *testing.T, reads int64, when string) {
	test.Helper()
	if n := t.reads.Load(); n != reads {
		test.Errorf("%d reads %s, want %d", n, when, reads)
	}
}

func TestRingReadsOnceUntilItsTableChanges(t *testing.T) {
	r := newTable(map[string]string{"good": "s"})
	for range 3 {
		if row, err := r.get(t.Context(), "good", r.read); row != "s" || err != nil {
			t.Errorf("got %v, %v", row, err)
		}
		if _, err := r.get(t.Context(), "bad", r.read); !errors.Is(err, errNothing) {
			t.Errorf("error %v", err)
		}
	}
	r.want(t, 2, "of two ids")
	r.change()
	r.get(t.Context(), "good", r.read)
	r.want(t, 3, "after a change")
}

func TestRingBelievesNothingForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTable(map[string]string{"good": "s"})
		r.get(t.Context(), "good", r.read)
		time.Sleep(ringMemory - 1)
		r.get(t.Context(), "good", r.read)
		r.want(t, 1, "within the time that it remembers")
		time.Sleep(1)
		r.get(t.Context(), "good", r.read)
		r.want(t, 2, "after it")
	})
}

func TestRingDoesNotKeepWhatWasReadBeforeAChange(t *testing.T) {
	r := newTable(map[string]string{"good": "s"})
	revoked := func(ctx context.Context, id string) (string, error) {
		row, err := r.read(ctx, id)
		r.change() // it is revoked between the read and its return
		r.recall("other")
		return row, err
	}
	r.get(t.Context(), "good", revoked)
	r.get(t.Context(), "good", r.read)
	r.want(t, 2, "of what was stale when it came")
}

func TestRingDoesNotKeepPassingFailures(t *testing.T) {
	r := newTable(map[string]string{"good": "s"})
	failing := errors.New("database is gone")
	gone := func(context.Context, string) (string, error) { return "", failing }
	if _, err := r.get(t.Context(), "good", gone); !errors.Is(err, failing) {
		t.Errorf("error %v", err)
	}
	if row, err := r.get(t.Context(), "good", r.read); row != "s" || err != nil {
		t.Errorf("got %v, %v", row, err)
	}
}

func TestRingIsBoundedAndTriedIDsDoNotPushOutWhatIsKnown(t *testing.T) {
	r := newTable(map[string]string{"good": "s"})
	r.get(t.Context(), "good", r.read)
	for i := range 5 * ringUnknown {
		r.get(t.Context(), fmt.Sprint("bad", i), r.read)
	}
	if n := len(r.unknown.recent) + len(r.unknown.older); n > 2*ringUnknown {
		t.Errorf("%d ids of nothing remembered", n)
	}
	before := r.reads.Load()
	r.get(t.Context(), "good", r.read)
	r.want(t, before, "of what was known before many ids were tried")
}

func TestMemoryIsBoundedByWeight(t *testing.T) {
	m := memory[string]{size: 1000, weigh: func(s string) int { return len(s) }}
	now := time.Now()
	for i := range 1000 {
		m.put(fmt.Sprint(i), string(make([]byte, 300)), now)
	}
	if n := len(m.recent) + len(m.older); n < 4 || n > 8 {
		t.Errorf("%d pieces of 300 bytes in a memory of 1000 to 2000", n)
	}
	if _, found := m.get("999", now); !found {
		t.Error("the last piece is forgotten")
	}
}

func TestRingLimitsReadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTable(nil)
		var now, most atomic.Int64
		slow := func(context.Context, string) (string, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return "", errNothing
		}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() { r.get(t.Context(), fmt.Sprint(i), slow) })
		}
		all.Wait()
		if n := most.Load(); n != ringReaders {
			t.Errorf("%d reads at once, want %d", n, ringReaders)
		}
	})
}

func TestRingReadsOnceForAllWhoAskAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTable(map[string]string{"good": "s"})
		slow := func(ctx context.Context, id string) (string, error) {
			time.Sleep(time.Second)
			return r.read(ctx, id)
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if row, err := r.get(t.Context(), "good", slow); row != "s" || err != nil {
					t.Errorf("got %q, %v", row, err)
				}
			})
		}
		all.Wait()
		r.want(t, 1, "for fifty at once")
	})
}

// Who comes after a change must not be told what was read before it.
func TestRingDoesNotJoinAReadFromBeforeAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTable(map[string]string{"good": "old"})
		slow := func(ctx context.Context, id string) (string, error) {
			row, err := r.read(ctx, id)
			time.Sleep(time.Second)
			return row, err
		}
		var all sync.WaitGroup
		all.Go(func() { r.get(t.Context(), "good", slow) })
		synctest.Wait()
		r.rows = map[string]string{"good": "new"}
		r.change()
		for range 2 {
			all.Go(func() {
				if row, _ := r.get(t.Context(), "good", slow); row != "new" {
					t.Errorf("after the change: %q", row)
				}
			})
		}
		all.Wait()
		r.want(t, 2, "one before the change and one after")
	})
}

// One caller that hangs up, or a read that panics, must not fail the others who wait.
func TestRingSurvivesWhoeverReadsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTable(map[string]string{"good": "s"})
		slow := func(ctx context.Context, id string) (string, error) {
			select {
			case <-time.After(time.Second):
				return r.read(ctx, id)
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		leaving, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := r.get(leaving, "good", slow); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if row, err := r.get(t.Context(), "good", slow); row != "s" || err != nil {
				t.Errorf("who stayed got %q, %v", row, err)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
	})
	r := newTable(map[string]string{"good": "s"})
	func() {
		defer func() { recover() }()
		r.get(t.Context(), "good", func(context.Context, string) (string, error) { panic("broken") })
	}()
	if row, err := r.get(t.Context(), "good", r.read); row != "s" || err != nil {
		t.Errorf("after a panic: %q, %v", row, err)
	}
}
