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
	return c.db.Update(ctx, func(tx *store.Tx) error {
		for node, session := range stale {
			if err := c.drop(tx, node, session); err != nil {
				return err
			}
		}
		return nil
	})
}

// drop ends a session in the record, and tells whoever holds it. It does nothing if the node has another by now.
func (c *Control) drop(tx *store.Tx, node, session string) error {
	cluster, left, err := disconnect(tx, node, session)
	if err != nil || !left {
		return err
	}
	tx.Touch(nodeTopic(node))
	return c.tellInstance(tx, "instance.disconnected", node, cluster)
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
		if err != nil || tasks < pruneBatch {
			return err
		}
	}
}

// forget deletes a batch of what was over before then, and returns how many tasks that were.
func forget(tx *store.Tx, before int64) (tasks int64, err error) {
	const old = `(select id from tasks where status = 8 and settled < $1 order by settled limit $2)`
	if _, err = tx.Exec(`delete from tags where resource in (select 'task/' || o.id from `+old+` o)`, before, pruneBatch); err != nil {
		return 0, err
	}
	if tasks, err = tx.Exec(`delete from tasks where id in `+old, before, pruneBatch); err != nil {
		return 0, err
	}
	_, err = tx.Exec(`delete from run_tokens where created < $1`, before)
	return tasks, err
}
