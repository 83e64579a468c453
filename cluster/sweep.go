package cluster

import (
	"context"

	"slipway/store"
)

// dropStale marks nodes disconnected whose sessions ended without saying so: those of a server
// that was killed.
func (c *Control) dropStale(ctx context.Context) error {
	var stale map[string]string
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		stale, err = staleSessions(tx, tx.Now.Add(-3*c.config.KeepAlive))
		return err
	})
	if err != nil || len(stale) == 0 {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error { return c.drop(tx, stale) })
}

// drop ends sessions, named by their nodes, in the record, and tells whoever holds them. A node
// that has another session by now is left alone.
func (c *Control) drop(tx *store.Tx, sessions map[string]string) error {
	type whose struct{ node, account, cluster string }
	var left []whose
	for node, session := range sessions {
		account, cluster, ended, err := disconnect(tx, node, session)
		if err != nil {
			return err
		}
		if ended {
			left = append(left, whose{node, account, cluster})
			tx.Touch(nodeTopic(node))
		}
	}
	for _, l := range left { // events last: from there on no other transaction can write any
		if err := machineChanged(tx, l.account, l.node); err != nil {
			return err
		}
		if err := c.tellInstance(tx, "instance.disconnected", l.node, l.account, l.cluster); err != nil {
			return err
		}
	}
	return nil
}

const pruneBatch = 1000

// prune forgets tasks that have been over for long, and the tokens of old requests. What became
// of the tasks stays in the events.
func (c *Control) prune(ctx context.Context) error {
	for {
		var tasks int64
		err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
			before := store.Micros(tx.Now.Add(-c.config.KeepStopped))
			tasks, err = forget(tx, before)
			return err
		})
		if err != nil {
			return err
		}
		if tasks < pruneBatch {
			return c.pruneModels(ctx)
		}
	}
}

// pruneModels forgets what no task is made of any more.
func (c *Control) pruneModels(ctx context.Context) error {
	var unused []string
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		unused = nil
		unused, err = unusedModels(tx)
		return err
	})
	if err != nil || len(unused) == 0 {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error { return dropModels(tx, unused) })
}

// forget deletes a batch of what was over before then, and returns how many tasks that were.
func forget(tx *store.Tx, before int64) (tasks int64, err error) {
	const old = `(select id from tasks where status = 8 and settled < $1 and issued = 0 order by settled limit $2)`
	if _, err = tx.Exec(`delete from tags where resource in (select 'task/' || o.id from `+old+` o)`, before, pruneBatch); err != nil {
		return 0, err
	}
	if err = forgetServices(tx, before); err != nil {
		return 0, err
	}
	if tasks, err = tx.Exec(`delete from tasks where id in `+old, before, pruneBatch); err != nil {
		return 0, err
	}
	if _, err = tx.Exec(`delete from run_tokens where created < $1`, before); err != nil {
		return 0, err
	}
	return tasks, forgetRefused(tx, before)
}
