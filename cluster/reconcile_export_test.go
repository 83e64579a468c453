package cluster

import (
	"context"
	"time"

	"slipway/internal/ids"
)

// Keeper is a reconciler of one cluster for tests that pass by hand.
type Keeper struct{ *keeper }

// NewKeeper is a server that looks after the services of a cluster.
func (c *Control) NewKeeper(account, cluster string) *Keeper {
	return &Keeper{c.newKeeper(account, cluster, ids.UUID(), func() {})}
}

// Pass looks once, as if machines had changed.
func (k *Keeper) Pass(ctx context.Context) (next time.Time, more bool, err error) {
	clear(k.tried)
	k.fresh = true
	return k.pass(ctx)
}

// Leads tells whether the keeper has the lease.
func (k *Keeper) Leads() bool { return !k.leads.IsZero() }

// Release gives the lease back.
func (k *Keeper) Release(ctx context.Context) { k.release(ctx) }
