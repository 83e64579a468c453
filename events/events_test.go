package events_test

import (
	"sync"
	"testing"

	"slipway/events"
	"slipway/store"
	"slipway/store/storetest"
)

func TestReaderSeesEveryEventOnceInOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := events.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		const writers, each = 4, 20
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for range each {
					err := db.Update(t.Context(), func(tx *store.Tx) error {
						return events.Append(tx, "123456789012", "dog.barked", "rex", map[string]int{"times": 2})
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		written := make(chan struct{})
		go func() {
			all.Wait()
			close(written)
		}()
		seen := follow(t, db, written) // reads while they write: a number passed over never comes back
		if len(seen) != writers*each {
			t.Fatalf("saw %d events, want %d", len(seen), writers*each)
		}
		for i := 1; i < len(seen); i++ {
			if seen[i].Seq <= seen[i-1].Seq {
				t.Fatalf("event %d came after %d", seen[i].Seq, seen[i-1].Seq)
			}
		}
		if e := seen[0]; e.Type != "dog.barked" || e.Subject != "rex" || e.Account != "123456789012" || string(e.Data) != `{"times":2}` || e.Time.IsZero() {
			t.Errorf("event came back as %+v", e)
		}
	})
}

// follow reads until all is written, and once more.
func follow(t *testing.T, db *store.DB, written <-chan struct{}) (seen []events.Event) {
	t.Helper()
	wake, stop := db.Watch(events.Topic)
	defer stop()
	var cursor int64
	for last := false; ; {
		before := cursor
		err := db.View(t.Context(), func(tx *store.Tx) error {
			some, err := events.Read(tx, cursor, 7)
			if len(some) > 0 {
				cursor = some[len(some)-1].Seq
			}
			seen = append(seen, some...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case last && cursor == before:
			return seen
		case last:
			continue
		}
		select {
		case <-wake:
		case <-written:
			last = true
		}
	}
}
