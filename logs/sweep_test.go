package logs

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"slipway/store"
)

func TestSweepTakesAwayWhatIsPastItsRetention(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		old := lines(now()-40*day, 2*sweepChunks+50, "old")
		for i := range old { // each a chunk of its own
			old[i].Time += int64(i) * (chunkSpan + 1)
		}
		fresh := lines(now()-1000, 5, "new")
		for s := range 3 {
			appendTo(t, c, fmt.Sprint("c", s), 0, 1, old)
			appendTo(t, c, fmt.Sprint("c", s), 1, 2, fresh)
		}
		before := chunkCount(t, c)
		must(t, c.sweep(t.Context()))
		if n := chunkCount(t, c); n != before {
			t.Errorf("kept for ever, %d of %d chunks are left", n, before)
		}
		must(t, c.SetRetention(t.Context(), us, "/app", 1))
		must(t, c.sweep(t.Context()))

		if n := chunkCount(t, c); n != 3 {
			t.Errorf("%d chunks are left, want that of the new events of each stream", n)
		}
		must(t, c.SetRetention(t.Context(), us, "/app", 0))
		same(t, "left", readAll(t, c, "/app", "c1", 10), fresh)
		streams, _, err := c.Streams(t.Context(), us, StreamQuery{Group: "/app", Prefix: "c1"})
		must(t, err)
		groups, _, err := c.Groups(t.Context(), us, GroupQuery{})
		must(t, err)
		if streams[0].FirstTime != fresh[0].Time || groups[0].Size != 3*totalWeight(fresh) {
			t.Errorf("the stream begins at %d, the group has %d bytes", streams[0].FirstTime, groups[0].Size)
		}
		appendTo(t, c, "c1", 2, 3, fresh)
		same(t, "and it goes on", readAll(t, c, "/app", "c1", 10)[8:], []Event{fresh[4], fresh[4]})
	})
}

func TestAStreamGoesOnAfterAllOfItHasGone(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		must(t, c.SetRetention(t.Context(), us, "/app", 1))
		appendTo(t, c, "c1", 0, 1, lines(now()-5*day, 3, "old"))
		must(t, c.sweep(t.Context()))
		if n := chunkCount(t, c); n != 0 {
			t.Errorf("%d chunks are left", n)
		}
		must(t, c.sweep(t.Context()))
		fresh := lines(now(), 3, "new")
		appendTo(t, c, "c1", 1, 2, fresh)
		same(t, "kept", readAll(t, c, "/app", "c1", 10), fresh)
	})
}

func TestSweepTakesAwayWhatWasDeleted(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		must(t, c.CreateGroup(t.Context(), us, "/gone", nil))
		events := lines(now(), 2, "x")
		for s := range sweepStreams + 20 {
			_, err := c.Append(t.Context(), us, "/gone", fmt.Sprint("c", s), 0, 1, events, false)
			must(t, err)
		}
		put(t, c, "web", events)
		appendTo(t, c, "gone", 0, 1, events)
		must(t, c.DeleteStream(t.Context(), us, "/app", "gone"))
		must(t, c.DeleteGroup(t.Context(), us, "/gone"))

		must(t, c.sweep(t.Context()))
		var groups, streams int
		must(t, c.db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Row(`select (select count(*) from log_groups), (select count(*) from log_streams)`).Scan(&groups, &streams)
		}))
		if chunks := chunkCount(t, c); groups != 1 || streams != 1 || chunks != 1 {
			t.Errorf("%d groups, %d streams, %d chunks are left, want one of each", groups, streams, chunks)
		}
	})
}

func TestRunSweepsWhenSomethingIsDeleted(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { c.Run(ctx); close(ended) }()
		put(t, c, "web", lines(now(), 2, "x"))
		must(t, c.DeleteStream(t.Context(), us, "/app", "web"))
		for chunkCount(t, c) > 0 {
			runtime.Gosched()
		}
		stop()
		<-ended
	})
}
