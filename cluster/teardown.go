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
	if err := c.endServices(tx, account, name); err != nil {
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
		var leaving int // nearly always none, which one query tells
		err := c.db.Row(ctx, `select (select count(*) from instances where status = 'DEREGISTERING') + (select count(*) from clusters where status = 'DEPROVISIONING')`).Scan(&leaving)
		if err != nil || leaving == 0 {
			return err
		}
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
// nothing is left end the cluster. Machines that serve other clusters too only lose its tasks. Another server may
// be at it as well, and have ended it meanwhile: each step looks for itself.
func (c *Control) teardown(ctx context.Context, account, name string) error {
	var machines []string
	err := c.whileEnding(ctx, account, name, func(tx *store.Tx) (err error) {
		machines, err = c.drainAll(tx, account, name)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range machines {
		if err := c.whileEnding(ctx, account, name, func(tx *store.Tx) error { return c.clear(tx, account, name, id) }); err != nil {
			return err
		}
	}
	return c.whileEnding(ctx, account, name, func(tx *store.Tx) error {
		if err := c.stopStrays(tx, account, name); err != nil {
			return err
		}
		err := refuseServices(tx, account, name)
		if err == nil {
			err = refuseInUse(tx, account, name)
		}
		switch {
		case errors.Is(err, ErrClusterInUse), errors.Is(err, ErrHasServices), errors.Is(err, ErrClusterHasNodes):
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

// whileEnding does something to a cluster that is still on its way out.
func (c *Control) whileEnding(ctx context.Context, account, name string, do func(*store.Tx) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		status, err := clusterStatus(tx, account, name)
		if err != nil || status != Ending {
			return err
		}
		return do(tx)
	})
}

// drainAll has the machines of a cluster's own take no more, and names all that serve it.
func (c *Control) drainAll(tx *store.Tx, account, name string) (ids []string, err error) {
	machines, err := readInstances(tx, account, name, nil)
	if err != nil {
		return nil, err
	}
	for _, m := range machines {
		if m.Cluster == name && m.Status == Active {
			if err := c.setState(tx, &m, name, Draining); err != nil {
				return nil, err
			}
		}
		ids = append(ids, m.ID)
	}
	return ids, nil
}

// clear has what a cluster runs on a machine stopped, and the machine go if it is the cluster's own.
func (c *Control) clear(tx *store.Tx, account, name, id string) error {
	found, _, err := members(tx, account, name, []string{id})
	if err != nil || len(found) == 0 {
		return err
	}
	if m := found[0]; m.Cluster == name {
		return c.beginLeaving(tx, &m, name, clusterDeleted)
	}
	return c.stopAllOn(tx, account, id, name, clusterDeleted)
}

// stopStrays has those tasks of a cluster stopped whose machine serves another by now.
func (c *Control) stopStrays(tx *store.Tx, account, name string) error {
	var nodes []string
	err := tx.Each(`select distinct node from tasks where account = $1 and cluster = $2 and status < 8 and desired < 8`, []any{account, name}, intoStrings(&nodes))
	for _, node := range nodes {
		if err == nil {
			err = c.stopAllOn(tx, account, node, name, clusterDeleted)
		}
	}
	return err
}
