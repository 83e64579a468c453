package accounts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"slipway/internal/loop"
)

const (
	sweepPeriod = 10 * time.Minute // of deleting sessions that expired long ago
	purgePeriod = time.Hour        // of deleting what closed accounts had
)

// Run keeps the room tidy until ctx ends: it forgets old sessions and closed accounts, and writes
// down when keys and roles were used, for a last time when it returns.
func (c *Control) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { loop.Run(ctx, "accounts.sessions", sweepPeriod, nil, c.sweepSessions) })
	loops.Go(func() {
		loop.Run(ctx, "accounts.closed", min(purgePeriod, max(c.keepClosed/24, time.Second)), nil, c.purge)
	})
	loops.Go(func() { loop.Run(ctx, "accounts.used", usedPeriod, nil, c.writeUsed) })
	loops.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := c.writeUsed(last); err != nil {
		slog.Warn("when keys and roles were last used is not written down", "error", err)
	}
}
