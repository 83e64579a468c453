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
		seen := follow(t, db, writers*each) // reads while they write: a number passed over never comes back
		all.Wait()

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

func follow(t *testing.T, db *store.DB, want int) (seen []events.Event) {
	t.Helper()
	wake, stop := db.Watch(events.Topic)
	defer stop()
	var cursor int64
	for {
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
		if len(seen) >= want {
			return seen
		}
		select {
		case <-wake:
		case <-t.Context().Done():
			t.Fatalf("saw %d events, want %d", len(seen), want)
		}
	}
}
