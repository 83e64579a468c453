package cluster

import (
	"context"
	"errors"
	"testing"

	"slipway/store"
)

func asks(token string, count int) *work {
	w := newWork()
	w.bid = &bid{order: order{run: Run{Count: count, Token: token}, model: Task{Account: "1"}}}
	return w
}

func leads(w *work) bool {
	select {
	case <-w.lead:
		return true
	default:
		return false
	}
}

func guarded(group string) *work {
	w := asks("", 1)
	w.bid.order.guard, w.bid.order.model.Group = func(*store.Tx) error { return nil }, group
	return w
}

// A batch has the first that wait, as many as it holds, but no two with the same token, and no two that are guarded of
// one group.
func TestBatches(t *testing.T) {
	var q queue
	all := []*work{asks("a", 10), asks("", 10), asks("a", 10), asks("b", maxBatch-27), guarded("web"), guarded("web"), guarded("api"), asks("", 1), asks("", 10)}
	for _, w := range all {
		if !q.enter(w) {
			t.Fatal("the queue is full")
		}
	}
	for i, want := range [][]*work{{all[0], all[1], all[3], all[4], all[6]}, {all[2], all[5], all[7], all[8]}, nil} {
		got := q.take()
		if len(got) != len(want) {
			t.Fatalf("batch %d has %d works, want %d", i, len(got), len(want))
		}
		for n := range got {
			if got[n] != want[n] {
				t.Errorf("batch %d has another work at %d", i, n)
			}
		}
	}
}

func TestWhatIsTooMuchForABatchIsOne(t *testing.T) {
	var q queue
	q.enter(asks("", 10*maxBatch))
	if len(q.take()) != 1 {
		t.Error("it is never taken")
	}
}

// There is one leader as long as anybody waits, whoever goes away.
func TestOneLeads(t *testing.T) {
	var q queue
	first, second, third := asks("", 1), asks("", 1), asks("", 1)
	for _, w := range []*work{first, second, third} {
		q.enter(w)
	}
	if leads(second) || leads(third) {
		t.Error("two lead")
	}
	if !q.leave(first) || q.leave(first) {
		t.Error("a work was not taken back once")
	}
	if !leads(second) || leads(third) {
		t.Error("the next does not lead")
	}
	q.take()
	if q.pass(); q.leading {
		t.Error("somebody leads where nobody waits")
	}
	late := asks("", 1)
	if q.enter(late); !leads(late) {
		t.Error("who comes later does not lead")
	}
}

func TestAFullQueueSaysSo(t *testing.T) {
	c := &Control{}
	for range maxWaiting {
		c.queue.enter(newWork())
	}
	if err := c.do(t.Context(), newWork()); !errors.Is(err, ErrBusy) {
		t.Errorf("error %v, want %v", err, ErrBusy)
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	c.queue.waiting = c.queue.waiting[:1]
	gone := newWork()
	if err := c.do(ctx, gone); !errors.Is(err, context.Canceled) || len(c.queue.waiting) != 1 {
		t.Errorf("error %v, and %d wait", err, len(c.queue.waiting))
	}
}
