package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"

	"slipway/cluster/placement"
	"slipway/store"
)

// The passes of the loops, for tests that do not wait for them.
func (c *Control) DropStale(ctx context.Context) error { return c.dropStale(ctx) }
func (c *Control) Prune(ctx context.Context) error     { return c.prune(ctx) }

func (c *Control) KeepHolds(ctx context.Context) error { return c.keepHolds(ctx) }

func (c *Control) DeleteUnused(ctx context.Context) error  { return c.deleteUnused(ctx) }
func (c *Control) RevokeStopped(ctx context.Context) error { return c.revokeStopped(ctx) }

// LeaveAll and Leaving are passes of the loop that brings what is to go to its end.
func (c *Control) LeaveAll(ctx context.Context) error { return c.leaveAll(ctx) }

func (c *Control) Leaving(ctx context.Context) error {
	return errors.Join(c.leaveAll(ctx), c.teardownAll(ctx))
}

// Teardown and Leave are what a pass does about one cluster and one node that it found to be on their way out.
func (c *Control) Teardown(ctx context.Context, account, name string) error {
	return c.teardown(ctx, account, name)
}

func (c *Control) Leave(ctx context.Context, i Instance) error { return c.leave(ctx, i) }

// Room is how what waits for room is woken.
func (c *Control) Room(account string) (<-chan struct{}, func()) { return c.room(account) }

// Nodes are the machines of a cluster as placements see them now. They are the caller's own.
func (c *Control) Nodes(ctx context.Context, account, cluster string) ([]placement.Node, error) {
	c.books.mu.Lock()
	defer c.books.mu.Unlock()
	l, err := c.books.of(ctx, c.db, account)
	if err == nil {
		err = c.db.View(ctx, l.refresh)
	}
	if err != nil {
		return nil, err
	}
	nodes := slices.Clone(l.view(cluster).Nodes())
	for i := range nodes {
		nodes[i].Counts = maps.Clone(nodes[i].Counts)
	}
	return nodes, nil
}

// RunGuarded is RunTask with a guard, as services place tasks.
func (c *Control) RunGuarded(ctx context.Context, account string, r Run, guard func(*store.Tx) error) (Started, error) {
	var d Definition
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		d, err = needDefinition(tx, account, r.Definition)
		return err
	})
	if err != nil {
		return Started{}, err
	}
	model, err := c.model(ctx, d, r)
	if err != nil {
		return Started{}, err
	}
	return c.place(ctx, order{run: r, model: model, guard: guard})
}
