package functions

import (
	"context"
	"time"
)

// LinkUntil is CodeLink's link alone, good until a time.
func (c *Control) LinkUntil(digest string, end time.Time) string { return c.linkUntil(digest, end) }

// Sweep takes away what nothing uses.
func (c *Control) Sweep(ctx context.Context) error { return c.sweep(ctx) }

// Ready makes ready all that is to be, once.
func (c *Control) Ready(ctx context.Context) error {
	err := c.readying.pass(ctx)
	c.readying.running.Wait()
	return err
}
