package logs

import (
	"context"

	"slipway/store"
)

// sweepTopic is touched when something was deleted.
const sweepTopic = "logs.sweep"

const (
	sweepChunks  = 200 // taken away in one transaction: others write in between
	sweepStreams = 100 // looked up at a time
)

// sweep takes away the chunks of what was deleted and those past their retention, and old exports' records.
func (c *Control) sweep(ctx context.Context) error {
	if err := c.sweepDeleted(ctx); err != nil {
		return err
	}
	if err := c.sweepExpired(ctx); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if err := forgetGroups(tx); err != nil {
			return err
		}
		return forgetExports(tx, tx.Now.Add(-keepExports))
	})
}

func (c *Control) sweepDeleted(ctx context.Context) error {
	return c.sweepEach(ctx, deletedStreams, func(tx *store.Tx, id int64) (done bool, err error) {
		n, _, err := deleteChunks(tx, id, maxTime+1)
		if err != nil || n == sweepChunks {
			return false, err
		}
		return true, forgetStream(tx, id)
	})
}

func (c *Control) sweepExpired(ctx context.Context) error {
	return c.sweepEach(ctx, expiredStreams, func(tx *store.Tx, id int64) (done bool, err error) {
		days, err := streamRetention(tx, id)
		if err != nil || days == 0 {
			return true, err
		}
		n, size, err := deleteChunks(tx, id, cutoff(days, tx.Now.UnixMilli()))
		if err != nil {
			return false, err
		}
		return n < sweepChunks, shrinkStream(tx, id, size)
	})
}

// sweepEach sweeps the streams that find finds, each in as many small transactions as it takes,
// until it finds no more.
func (c *Control) sweepEach(ctx context.Context, find func(*store.Tx) ([]int64, error), sweep func(*store.Tx, int64) (done bool, err error)) error {
	for {
		var ids []int64
		err := c.db.View(ctx, func(tx *store.Tx) (err error) {
			ids, err = find(tx)
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			for done := false; !done; {
				err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
					done, err = sweep(tx, id)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		if len(ids) < sweepStreams {
			return nil
		}
	}
}
