package registry

import (
	"context"
	"time"
)

// OnReach has a test called where a crash or another call would matter. What it returns ends what is
// being done there, as a crash would. Set it before anything runs.
func (c *Control) OnReach(step func(point string) error) { c.step = step }

func (c *Control) FoldUsage(ctx context.Context) error          { return c.foldUsage(ctx) }
func (c *Control) WritePulls(ctx context.Context) error         { return c.writePulls(ctx) }
func (c *Control) TellRefusals(ctx context.Context) error       { return c.tellRefusals(ctx) }
func (c *Control) DeleteKeys(ctx context.Context) error         { return c.deleteKeys(ctx) }
func (c *Control) ClearDoomed(ctx context.Context) error        { return c.clearDoomed(ctx) }
func (c *Control) SweepWhenDue(ctx context.Context) error       { return c.sweepWhenDue(ctx) }
func (c *Control) EvaluateLifecycles(ctx context.Context) error { return c.evaluateLifecycles(ctx) }

// OpenVaults is how many customer keys are in memory.
func (c *Control) OpenVaults() int {
	c.vaults.mu.Lock()
	defer c.vaults.mu.Unlock()
	return len(c.vaults.open)
}

func (c *Control) ForgetArrivals(ctx context.Context, idle time.Duration) error {
	return c.forgetArrivals(ctx, idle)
}

// A sweep finds so few blobs at a time that it does so several times in every test but those of many.
func init() { maxFound = 3 }

// FindMany has sweeps find as many blobs at a time as they do outside of tests, until done is called.
func FindMany() (done func()) {
	few := maxFound
	maxFound = 20_000
	return func() { maxFound = few }
}
