package fleettest

import (
	"context"
	"sync"
	"testing"

	"slipway/functions/fleet"
	"slipway/nodeapi"
)

// Start runs a fleet until the test ends, with one machine for an account. c.Room may be nil: the machine has 64 GiB.
func Start(t testing.TB, c fleet.Config, account string, h nodeapi.SandboxHost) *fleet.Fleet {
	const node = "machine-1"
	if c.Room == nil {
		r := NewRoom()
		r.Add(node, 64<<10)
		c.Room = r
	}
	f := fleet.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { f.Run(ctx) })
	all.Go(func() { f.Join(ctx, account, node, h) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return f
}
