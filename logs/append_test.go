package logs

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"slipway/store"
)

func appendTo(t tester, c *Control, stream string, offset, next int64, events []Event) int64 {
	t.Helper()
	goOn, err := c.Append(t.Context(), us, "/app", stream, offset, next, events, false)
	must(t, err)
	return goOn
}

func TestAPieceIsKeptOnce(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		first, second := lines(now(), 3, "first"), lines(now()+10, 2, "second")
		for _, step := range []struct {
			what         string
			offset, next int64
			events       []Event
			want         int64
		}{
			{"opening", 0, 0, nil, 0},
			{"the first piece", 0, 30, first, 30},
			{"the same again", 0, 30, first, 30},
			{"a gap", 40, 60, second, 30},
			{"an overlap", 20, 60, second, 30},
			{"the next piece", 30, 60, second, 60},
			{"an old piece", 0, 30, first, 60},
			{"opening again", 0, 0, nil, 60},
			{"bytes without events", 60, 64, nil, 64},
		} {
			if got := appendTo(t, c, "c1", step.offset, step.next, step.events); got != step.want {
				t.Errorf("%s: go on from %d, want %d", step.what, got, step.want)
			}
		}
		same(t, "kept", readAll(t, c, "/app", "c1", 2), append(first, second...))
	})
}

func TestAppendMakesStreamAndIfAskedGroup(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		_, err := c.Append(t.Context(), us, "/new", "c1", 0, 0, nil, false)
		wantErr(t, err, ErrNoGroup)
		goOn, err := c.Append(t.Context(), us, "/new", "c1", 0, 5, lines(now(), 1, "x"), true)
		must(t, err)
		if goOn != 5 {
			t.Errorf("go on from %d", goOn)
		}
		if n := len(readAll(t, c, "/new", "c1", 10)); n != 1 {
			t.Errorf("%d events", n)
		}
		must(t, c.DeleteStream(t.Context(), us, "/new", "c1"))
		goOn, err = c.Append(t.Context(), us, "/new", "c1", 5, 9, lines(now(), 1, "y"), false)
		must(t, err)
		if goOn != 9 {
			t.Errorf("after its deletion a stream goes on from %d, want where the container is", goOn)
		}
	})
}

func TestAppendRefusesWhatIsNoPiece(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		for _, try := range []struct {
			group, stream string
			offset, next  int64
			events        []Event
			want          error
		}{
			{"a b", "c", 0, 1, nil, ErrName},
			{"/app", "a:b", 0, 1, nil, ErrName},
			{"/app", "c", -1, 1, nil, ErrOffset},
			{"/app", "c", 2, 1, nil, ErrOffset},
			{"/app", "c", 1, 1, lines(now(), 1, "x"), ErrOffset},
			{"/app", "c", 0, 9, []Event{{maxTime + 1, "x"}}, ErrEvent},
		} {
			_, err := c.Append(t.Context(), us, try.group, try.stream, try.offset, try.next, try.events, true)
			wantErr(t, err, try.want)
		}
	})
}

func TestSingleLinesShareChunks(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		events := lines(now(), 300, "a line of some length, as programs print them")
		for i := range events {
			appendTo(t, c, "c1", int64(i), int64(i)+1, events[i:i+1])
		}
		if n := chunkCount(t, c); n > 3 {
			t.Errorf("%d lines are in %d chunks", len(events), n)
		}
		same(t, "kept", readAll(t, c, "/app", "c1", 70), events)
	})
}

func TestManyAppendAtOnceAndNothingIsLost(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		const streams, pieces = 20, 15
		events := lines(now(), pieces, "line")
		var all sync.WaitGroup
		for s := range streams {
			all.Go(func() {
				for i := range pieces {
					for range 2 { // the second is a repeat
						goOn, err := c.Append(t.Context(), us, "/app", fmt.Sprint("c", s), int64(i), int64(i)+1, events[i:i+1], false)
						if err != nil || goOn != int64(i)+1 {
							t.Errorf("stream %d piece %d: go on from %d, %v", s, i, goOn, err)
						}
					}
				}
			})
		}
		all.Wait()
		for s := range streams {
			same(t, "kept", readAll(t, c, "/app", fmt.Sprint("c", s), 100), events)
		}
	})
}

func (q *queue) peek() []*write {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.waiting)
}

func TestWritesThatWaitShareACommit(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		const waiting = 40
		c.queue.leading <- struct{}{} // somebody commits
		var all sync.WaitGroup
		for i := range waiting {
			all.Go(func() {
				group, want := "/app", error(nil)
				if i%4 == 0 {
					group, want = "/gone", ErrNoGroup // and does not spoil it for the others
				}
				_, err := c.Append(t.Context(), us, group, fmt.Sprint("c", i), 0, 1, lines(now(), 1, "x"), false)
				wantErr(t, err, want)
			})
		}
		for len(c.queue.peek()) < waiting {
			runtime.Gosched()
		}
		batch := c.queue.pop()
		if len(batch) != waiting {
			t.Errorf("%d of %d writes are in one batch", len(batch), waiting)
		}
		c.commit(t.Context(), batch)
		all.Wait()
		<-c.queue.leading
		if found := filterAll(t, c, FilterQuery{Group: "/app", Span: AllTime}); len(found) != waiting-waiting/4 {
			t.Errorf("%d events kept", len(found))
		}
	})
}

func TestAWriterThatGivesUpIsNotWritten(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		c.queue.leading <- struct{}{} // somebody commits, for long
		ctx, stop := context.WithCancel(t.Context())
		stop()
		_, err := c.Append(ctx, us, "/app", "c1", 0, 1, lines(now(), 1, "x"), false)
		wantErr(t, err, context.Canceled)
		<-c.queue.leading

		appendTo(t, c, "c2", 0, 1, lines(now(), 1, "y"))
		if found := filterAll(t, c, FilterQuery{Group: "/app", Span: AllTime}); len(found) != 1 || found[0].Message != "y 0" {
			t.Errorf("kept %v", found)
		}
	})
}

func TestFailedCommitIsToldToAll(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		must(t, c.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`drop table log_chunks`)
			return err
		}))
		if _, err := c.Append(t.Context(), us, "/app", "c1", 0, 1, lines(now(), 1, "x"), false); err == nil {
			t.Error("what could not be written was acknowledged")
		}
	})
}

func TestFollowerIsWokenByItsStreamOnly(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		wake, stop, err := c.Follow(t.Context(), us, "/app", "web")
		must(t, err)
		defer stop()
		appendTo(t, c, "other", 0, 1, lines(now(), 1, "x"))
		select {
		case <-wake:
			t.Error("woken by another stream")
		default:
		}
		put(t, c, "web", lines(now(), 1, "x"))
		select {
		case <-wake:
		default:
			t.Error("not woken")
		}
		_, _, err = c.Follow(t.Context(), us, "/app", "gone")
		wantErr(t, err, ErrNoStream)
	})
}
