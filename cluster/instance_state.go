package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"slipway/cluster/observed"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/nodeapi"
	"slipway/store"
)

// The states of a node as a member of a cluster, beside Active and Inactive.
const (
	Draining      = "DRAINING"      // it takes no new tasks; those that it has go on
	Deregistering = "DEREGISTERING" // its tasks are being stopped, and then it is no member any more
)

// lostHost is why tasks are over that were on a machine which was given up while it was away.
const lostHost = "Host deregistered while its agent was disconnected"

// DeregisterAccount ends the membership of all nodes of an account, as DeregisterInstance does by force.
func (c *Control) DeregisterAccount(ctx context.Context, account string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if err := c.endServices(tx, account, ""); err != nil {
			return err
		}
		var all []Instance
		err := tx.Each(`select id, cluster, status from instances where account = $1 and status <> 'INACTIVE' order by registered, id`, []any{account}, func(rows *sql.Rows) error {
			i := Instance{Account: account}
			err := rows.Scan(&i.ID, &i.Cluster, &i.Status)
			all = append(all, i)
			return err
		})
		for _, i := range all {
			if err == nil {
				err = c.beginLeaving(tx, &i, i.Cluster, "The account was closed")
			}
		}
		if err == nil {
			err = deleteAllSchedulers(tx, account)
		}
		return err
	})
}

// Nodes is who may be a node.
type Nodes interface {
	// Forget ends a node's right to join. It may have none.
	Forget(ctx context.Context, node string) error
}

// SetInstanceState drains nodes of a cluster, or has them take tasks again. It tells which are not there.
func (c *Control) SetInstanceState(ctx context.Context, account, cluster string, ids []string, status string) (changed []Instance, missing []string, err error) {
	if status != Active && status != Draining {
		return nil, nil, errs.Say(ErrInvalid, "status: %q is neither ACTIVE nor DRAINING.", status)
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		changed, missing = nil, nil
		if err := needCluster(tx, account, cluster); err != nil {
			return err
		}
		found, absent, err := members(tx, account, cluster, ids)
		if err != nil {
			return err
		}
		missing = absent
		for _, i := range found {
			if err := c.setState(tx, &i, cluster, status); err != nil {
				return err
			}
			changed = append(changed, i)
		}
		return nil
	})
	return changed, missing, err
}

// members returns the nodes of a cluster that have those ids and are not gone.
func members(tx *store.Tx, account, cluster string, ids []string) (found []Instance, missing []string, err error) {
	rows, err := readInstances(tx, account, cluster, ids)
	if err != nil {
		return nil, nil, err
	}
	all, missing := inOrder(ids, rows, func(i Instance) string { return i.ID })
	for n, i := range all {
		switch {
		case slices.ContainsFunc(all[:n], func(earlier Instance) bool { return earlier.ID == i.ID }): // named twice
		case i.Status == Inactive:
			missing = append(missing, i.ID)
		default:
			found = append(found, i)
		}
	}
	return found, missing, nil
}

// setState moves a node that is not on its way out.
func (c *Control) setState(tx *store.Tx, i *Instance, cluster, status string) error {
	switch i.Status {
	case status:
		return nil
	case Deregistering:
		return errs.Say(ErrInvalid, "The container instance %s is being deregistered.", i.ID)
	}
	if err := writeState(tx, i.Account, i.ID, status); err != nil {
		return err
	}
	i.Status = status
	kind := "instance.draining"
	if status == Active {
		kind = "instance.active"
	}
	return c.tellInstance(tx, kind, i.ID, i.Account, cluster)
}

func writeState(tx *store.Tx, account, id, status string) error {
	if _, err := tx.Exec(`update instances set status = $2 where id = $1`, id, status); err != nil {
		return err
	}
	return machineChanged(tx, account, id)
}

// DeregisterInstance ends a node's membership. Where it has tasks it does so only when forced: then they are
// stopped first, and those of a machine that is away are over as far as the cluster is concerned. It
// fails with ErrNoInstance or ErrInstanceInUse.
func (c *Control) DeregisterInstance(ctx context.Context, account, cluster, id string, force bool) (Instance, error) {
	var leaving Instance
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := clusterStatus(tx, account, cluster); err != nil {
			return err
		}
		found, _, err := members(tx, account, cluster, []string{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return ErrNoInstance
		}
		leaving = found[0]
		if leaving.Tags, err = tagsOf(tx, account, "container-instance/"+id); err != nil {
			return err
		}
		if len(leaving.Held) > 0 && !force {
			return ErrInstanceInUse
		}
		return c.beginLeaving(tx, &leaving, cluster, "Container instance deregistration forced by user")
	})
	if err != nil {
		return Instance{}, err
	}
	c.leaveSoon(ctx, leaving)
	return c.instance(ctx, leaving)
}

// beginLeaving has a node take no more tasks, and those that it has stop.
func (c *Control) beginLeaving(tx *store.Tx, i *Instance, cluster, reason string) error {
	if i.Status == Deregistering {
		return nil
	}
	if err := writeState(tx, i.Account, i.ID, Deregistering); err != nil {
		return err
	}
	i.Status = Deregistering
	if err := c.stopAllOn(tx, i.Account, i.ID, "", reason); err != nil {
		return err
	}
	tx.Touch(leavingTopic)
	return c.tellInstance(tx, "instance.deregistering", i.ID, i.Account, cluster)
}

// stopAllOn wants the tasks of a node stopped: those of one cluster, or all ("").
func (c *Control) stopAllOn(tx *store.Tx, account, node, cluster, reason string) error {
	tasks, err := readTasks(tx, `t.account = $1 and t.node = $2 and t.status < 8 and t.desired < 8 and ($3 = '' or t.cluster = $3)`, account, node, cluster)
	if err != nil || len(tasks) == 0 {
		return err
	}
	for _, t := range tasks {
		if err := c.wantStopped(tx, t, reason); err != nil {
			return err
		}
	}
	tx.Touch(nodeTopic(node))
	return nil
}

// wantStopped wants a task stopped that nobody wants so yet.
func (c *Control) wantStopped(tx *store.Tx, t Task, reason string) error {
	t.Wanted = Wanted{Stop: true, StopCode: "UserInitiated", StopReason: reason, Asked: tx.Now}
	if err := wantStopped(tx, t); err != nil {
		return err
	}
	return events.Append(tx, t.Account, "task.stop-requested", c.taskARN(t), taskFact(t))
}

// leaveSoon does at once what the loop would do later.
func (c *Control) leaveSoon(ctx context.Context, i Instance) {
	if err := c.leave(ctx, i); err != nil {
		slog.Warn("a node is not deregistered yet", "node", i.ID, "error", err)
	}
}

// instance reads a node again, with what was said of it before.
func (c *Control) instance(ctx context.Context, i Instance) (now Instance, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, err := readInstances(tx, i.Account, i.Cluster, []string{i.ID})
		if err != nil || len(found) == 0 {
			return err
		}
		now = found[0]
		now.Attributes, now.Tags = i.Attributes, i.Tags
		return nil
	})
	return now, err
}

// leaveAll brings every node that is being deregistered to its end.
func (c *Control) leaveAll(ctx context.Context) error {
	var leaving []Instance
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		leaving, err = leavingInstances(tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, i := range leaving {
		if err := c.leave(ctx, i); err != nil {
			return fmt.Errorf("deregister node %s: %w", i.ID, err)
		}
	}
	return nil
}

// leave ends a node's membership once nothing of it is left. The right to join goes first: from then
// on nobody speaks for the machine.
func (c *Control) leave(ctx context.Context, i Instance) error {
	ready := false
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		ready, err = c.releaseLost(tx, i)
		return err
	})
	if err != nil || !ready {
		return err
	}
	if err := c.config.Nodes.Forget(ctx, i.ID); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`update instances set status = 'INACTIVE', session = '', deregistered = $2 where id = $1 and status = 'DEREGISTERING'`, i.ID, store.Micros(tx.Now))
		if err != nil || n == 0 {
			return err
		}
		if err := forgetSaid(tx, i); err != nil {
			return err
		}
		if err := dropHolds(tx, i.ID); err != nil {
			return err
		}
		if err := machineChanged(tx, i.Account, i.ID); err != nil {
			return err
		}
		tx.Touch(nodeTopic(i.ID)) // its session finds out
		return c.tellInstance(tx, "instance.deregistered", i.ID, i.Account, i.Cluster)
	})
}

// forgetSaid forgets what was said of a node while it was a member: one that comes back comes as another.
func forgetSaid(tx *store.Tx, i Instance) error {
	_, err1 := tx.Exec(`delete from instance_attributes where node = $1`, i.ID)
	_, err2 := tx.Exec(`delete from tags where account = $1 and resource = $2`, i.Account, "container-instance/"+i.ID)
	return errors.Join(err1, err2)
}

// releaseLost tells whether a node has no tasks any more. Where it is away for as long as a
// session is believed to live, they are over in the record, which is all that is left of them.
func (c *Control) releaseLost(tx *store.Tx, i Instance) (ready bool, err error) {
	var session, status string
	var changed int64
	if err := tx.Row(`select session, changed, status from instances where id = $1`, i.ID).Scan(&session, &changed, &status); err != nil {
		return false, err
	}
	if status != Deregistering {
		return false, nil // another server was faster, and it may be back
	}
	tasks, err := readTasks(tx, `t.account = $1 and t.node = $2 and t.status < 8`, i.Account, i.ID)
	if err != nil || len(tasks) == 0 {
		return err == nil, err
	}
	if session != "" || tx.Now.Sub(store.Time(changed)) < 3*c.config.KeepAlive {
		return false, nil
	}
	for _, t := range tasks {
		t.Seen = observed.Merge(t.Seen, nodeapi.TaskReport{ID: t.ID, Status: nodeapi.Stopped, StopReason: lostHost, StoppingAt: tx.Now, StoppedAt: tx.Now})
		if err := saveSeen(tx, []Task{t}); err != nil {
			return false, err
		}
		if err := release(tx, t); err != nil {
			return false, err
		}
		if err := events.Append(tx, t.Account, "task.stopped", c.taskARN(t), taskFact(t)); err != nil {
			return false, err
		}
	}
	return true, nil
}
