package audit

import (
	"context"

	"slipway/store"
)

const (
	sweepChunks = 200 // taken away in one transaction: others write in between
	spoolMemory = 2   // retentions that the row of a spool file is kept for when nothing moves it
)

// sweep takes away the chunks that are past their retention as a whole and have only such before them.
func (c *Control) sweep(ctx context.Context) error {
	accounts, err := c.expired(ctx)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		for more := true; more; {
			err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
				more, err = c.behead(tx, account)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		return forgetOldSpools(tx, store.Micros(tx.Now.Add(-spoolMemory*c.retention)))
	})
}

// expired finds accounts whose first chunk is past its retention.
func (c *Control) expired(ctx context.Context) (accounts []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		accounts, err = expiredAccounts(tx, store.Micros(tx.Now.Add(-c.retention)))
		return err
	})
	return accounts, err
}

// behead takes away the first chunks of an account and moves the chain's anchor. More says that
// it may have to be called again.
func (c *Control) behead(tx *store.Tx, account string) (more bool, err error) {
	ch, sound, err := c.openChain(tx, account)
	if err != nil {
		return false, err
	}
	cutoff := store.Micros(tx.Now.Add(-c.retention))
	n := 0
	heads, err := chunkHeads(tx, account, sweepChunks)
	for ; err == nil && n < len(heads) && heads[n].last < cutoff; n++ {
		ch.first, ch.anchor = heads[n].seq+1, heads[n].hash
	}
	if err != nil || n == 0 {
		return false, err
	}
	if err := deleteChunks(tx, account, ch.first); err != nil {
		return false, err
	}
	if sound {
		ch.seal = c.sealOf(&ch)
	}
	return n == sweepChunks, writeChain(tx, ch)
}
