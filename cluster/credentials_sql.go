package cluster

import (
	"context"
	"database/sql"
	"errors"

	"slipway/store"
)

const holderColumns = `select id, account, cluster, issued from tasks `

func scanHolder(row interface{ Scan(...any) error }) (h holder, err error) {
	err = row.Scan(&h.task.ID, &h.task.Account, &h.task.Cluster, &h.issued)
	return h, err
}

// holdersOn returns those of the tasks that are on the node and were issued credentials. It is asked with every report
// of an end, so it is no transaction, which would be three round trips for one.
func holdersOn(ctx context.Context, db *store.DB, node string, tasks []string) (holders []holder, err error) {
	for _, id := range tasks {
		h, err := scanHolder(db.Row(ctx, holderColumns+`where id = $1 and node = $2 and issued > 0`, id, node))
		if errors.Is(err, store.ErrNoRows) {
			continue
		}
		if err != nil {
			return holders, err
		}
		holders = append(holders, h)
	}
	return holders, nil
}

// stoppedHolders returns a batch of the tasks that have stopped and were issued credentials, those of
// longest ago first.
func stoppedHolders(tx *store.Tx) (holders []holder, err error) {
	err = tx.Each(holderColumns+`where issued > 0 and status = 8 order by issued limit $1`, []any{revokeBatch}, func(rows *sql.Rows) error {
		h, err := scanHolder(rows)
		holders = append(holders, h)
		return err
	})
	return holders, err
}
