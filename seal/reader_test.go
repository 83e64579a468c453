package seal

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What is not known may be asked for without end: it costs a read a second, and each who asked
// gets one that began after the question.
func TestUnknownKeysCostFewReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		var began atomic.Pointer[time.Time]
		r := newReader(func(context.Context) error { reads++; now := time.Now(); began.Store(&now); return nil })
		for range 10 {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					asked := time.Now()
					if err := r.catchUp(t.Context()); err != nil || began.Load().Before(asked) {
						t.Errorf("asked at %v, read at %v, error %v", asked, began.Load(), err)
					}
				})
			}
			all.Wait()
		}
		if reads > 20 {
			t.Errorf("%d reads in ten waves, want two a wave at most", reads)
		}
	})
}

func TestReadThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("the database is gone")
		r := newReader(func(context.Context) error { return gone })
		if err := r.catchUp(t.Context()); !errors.Is(err, gone) {
			t.Errorf("error %v", err)
		}
		r.read = func(context.Context) error { return nil }
		if err := r.catchUp(t.Context()); err != nil {
			t.Errorf("error %v", err)
		}
	})
}

func TestWhoGivesUpIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(func(context.Context) error { return nil })
		r.catchUp(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), readPause/2)
		defer cancel()
		if err := r.catchUp(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if err := r.catchUp(t.Context()); err != nil {
			t.Errorf("the next one: error %v", err)
		}
	})
}
