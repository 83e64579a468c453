package loop_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/loop"
)

func TestPassAtOnceThenOnWakeAndPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		var passes atomic.Int64
		go loop.Run(ctx, "test", time.Minute, wake, func(context.Context) error { passes.Add(1); return nil })

		synctest.Wait()
		want(t, passes.Load(), 1)
		wake <- struct{}{}
		synctest.Wait()
		want(t, passes.Load(), 2)
		time.Sleep(67 * time.Second)
		want(t, passes.Load(), 3)
		stop()
		synctest.Wait()
	})
}

func TestFailingPassIsTriedAgainSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var passes atomic.Int64
		go loop.Run(ctx, "test", time.Hour, nil, func(context.Context) error { passes.Add(1); return errors.New("no") })

		time.Sleep(2 * time.Second)
		if n := passes.Load(); n < 4 || n > 8 {
			t.Errorf("%d passes in two seconds of failing, want a growing delay", n)
		}
		stop()
		synctest.Wait()
	})
}

func want(t *testing.T, got, want int64) {
	t.Helper()
	if got != want {
		t.Fatalf("%d passes, want %d", got, want)
	}
}

func TestAPauseLastsUntilItsEndOrItsContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		began := time.Now()
		if err := loop.Pause(ctx, time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("a pause of a minute: %v, after %v", err, time.Since(began))
		}
		if err := loop.Pause(ctx, time.Minute); err != context.DeadlineExceeded || time.Since(began) != 90*time.Second {
			t.Errorf("a pause whose context ends: %v, after %v", err, time.Since(began))
		}
	})
}
