package functions

import (
	"context"
	"time"
)

// LinkUntil is CodeLink's link alone, good until a time.
func (c *Control) LinkUntil(digest string, end time.Time) string { return c.linkUntil(digest, end) }

// Sweep takes away what nothing uses.
func (c *Control) Sweep(ctx context.Context) error { return c.sweep(ctx) }
