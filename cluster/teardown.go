package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"slipway/events"
	"slipway/internal/loop"
	"slipway/store"
)

// DeleteAll is the tag of a cluster that DeleteCluster ends with all that is in it. Source: US 11,314,541,
// claim 1: per machine its processes are stopped, its containers terminated, its resources released and the
// machine let go, and then the cluster is deleted.
var DeleteAll = Tag{Key: "slipway:force-delete", Value: "true"}

// clusterDeleted is why tasks were stopped.
const clusterDeleted = "ClusterDeleted: the cluster is being deleted"

// leavingTopic is touched when a cluster or a node begins to go.
const leavingTopic = "cluster.leaving"

func deleteAll(tags []Tag) bool {
	for _, t := range tags {
		if t == DeleteAll {
			return true
		}
	}
	return false
}

func refuseEnding(cluster Cluster) error {
	if cluster.Status == Ending {
		return ErrClusterEnding
	}
	return nil
}

// beginTeardown is written down before anything is taken away. From then on nothing new gets in.
func (c *Control) beginTeardown(tx *store.Tx, account, name string) error {
	if err := setClusterStatus(tx, account, name, Ending); err != nil {
		return err
	}
	tx.Touch(leavingTopic)
	return events.Append(tx, account, "cluster.deprovisioning", ClusterARN(c.config.Region, account, name), nil)
}

// runLeaving brings what is to go to its end, a step at a time, from what the rows say: so it may be cut off
// anywhere, and goes on with whichever server looks next.
func (c *Control) runLeaving(ctx context.Context) {
	wake, stop := c.db.Watch(leavingTopic)
	defer stop()
	loop.Run(ctx, "cluster.leaving", c.config.KeepAlive/10, wake, func(ctx context.Context) error {
		return errors.Join(c.leaveAll(ctx), c.teardownAll(ctx))
	})
}

func (c *Control) teardownAll(ctx context.Context) error {
	type named struct{ account, name string }
	var ending []named
	err := c.db.View(ctx, func(tx *store.Tx) error {
		ending = nil
		return tx.Each(`select account, name from clusters where status = 'DEPROVISIONING' order by account, name`, nil, func(rows *sql.Rows) error {
			var n named
			err := rows.Scan(&n.account, &n.name)
			ending = append(ending, n)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, n := range ending {
		if err := c.teardown(ctx, n.account, n.name); err != nil {
			return fmt.Errorf("delete cluster %s of %s: %w", n.name, n.account, err)
		}
	}
	return nil
}

// teardown takes the next step: drain every machine, then stop what runs on each and let it go, and when
// nothing is left end the cluster. Machines that serve other clusters too only lose its tasks.
func (c *Control) teardown(ctx context.Context, account, name string) error {
	var machines []Instance
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if machines, err = readInstances(tx, account, name, nil); err != nil {
			return err
		}
		for i := range machines {
			if m := &machines[i]; m.Cluster == name && m.Status == Active {
				if err := c.setState(tx, m, name, Draining); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range machines {
		if err := c.db.Update(ctx, func(tx *store.Tx) error { return c.clear(tx, m, name) }); err != nil {
			return err
		}
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		err := refuseInUse(tx, account, name)
		switch {
		case errors.Is(err, ErrClusterInUse), errors.Is(err, ErrClusterHasNodes):
			return nil
		case err != nil:
			return err
		}
		if err := setClusterStatus(tx, account, name, Inactive); err != nil {
			return err
		}
		return events.Append(tx, account, "cluster.deleted", ClusterARN(c.config.Region, account, name), nil)
	})
}

// clear has what a cluster runs on a machine stopped, and the machine go if it is the cluster's own.
func (c *Control) clear(tx *store.Tx, m Instance, name string) error {
	if m.Cluster != name {
		return c.stopAllOn(tx, m.Account, m.ID, name, clusterDeleted)
	}
	return c.beginLeaving(tx, &m, name, clusterDeleted)
}
