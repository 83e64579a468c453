package sim

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// dice decide by the seed. Each part of the world has its own, so that what one does changes nothing for
// the others; only the order in which goroutines get their turn is not the seed's.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed, number uint64) *dice { return &dice{r: rand.New(rand.NewPCG(seed, number))} }

// chance is true in so many of a thousand cases.
func (d *dice) chance(ofThousand int) bool { return d.upTo(1000) < ofThousand }

// upTo gives a number from 0, below n.
func (d *dice) upTo(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// about gives a time that is mean on the average, and at most ten times as long.
func (d *dice) about(mean time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return min(time.Duration(d.r.ExpFloat64()*float64(mean)), 10*mean)
}

// pause waits, and tells whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
