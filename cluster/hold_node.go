package cluster

import (
	"context"
	"database/sql"

	"slipway/store"
)

// FreeForeign gives back what other servers hold of a machine. Whoever calls it uses the machine's sandboxes from now on,
// and those of others have ended.
func (c *Control) FreeForeign(ctx context.Context, node string) error {
	var ids []string
	err := c.db.View(ctx, func(tx *store.Tx) error {
		ids = nil
		return tx.Each(`select id from holds where node = $1 and server <> $2`, []any{node, c.config.Server}, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	return c.Free(ctx, ids...)
}
