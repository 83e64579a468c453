package secrets

import "context"

// Sweep makes one pass of the sweep.
func Sweep(c *Control, ctx context.Context) error { return c.sweep(ctx) }
