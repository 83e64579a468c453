// Package loop runs the passes of a level-triggered loop: once at the start, then
// on every wake and at every period, until its context ends.
//
// A pass looks at the state as it is and moves it towards what is wanted, so a
// wake is only a hint: many wakes may make one pass, and a lost wake costs one
// period and nothing else.
package loop

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Run calls pass until ctx ends and returns when the last pass has returned.
// A failing pass is logged under name and tried again, at the latest after a
// delay that grows from 100 ms to period.
func Run(ctx context.Context, name string, period time.Duration, wake <-chan struct{}, pass func(context.Context) error) {
	const firstRetry = 100 * time.Millisecond
	retry := firstRetry
	for {
		wait := jitter(period)
		if err := pass(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("loop pass failed", "loop", name, "error", err)
			wait = jitter(min(retry, period))
			retry = min(2*retry, period)
		} else {
			retry = firstRetry
		}
		if !sleep(ctx, wait, wake) {
			return
		}
	}
}

// Pause returns after d, or with ctx's error when ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	sleep(ctx, d, nil)
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// jitter spreads d by a tenth either way, so that many loops do not beat as one.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
