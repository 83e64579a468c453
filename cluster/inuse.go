package cluster

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"slipway/nodeapi"
	"slipway/store"
)

// InUse is a task that has not stopped, with what its containers are made of.
type InUse struct {
	ARN     string
	Account string
	Images  []Image
}

// InUse lists the tasks of all accounts that have not stopped.
func (c *Control) InUse(ctx context.Context) (all []InUse, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select t.account, t.cluster, t.id, m.images from tasks t join task_models m on m.id = t.model where t.status < $1`, []any{nodeapi.Stopped}, func(rows *sql.Rows) error {
			var t Task
			var images string
			if err := rows.Scan(&t.Account, &t.Cluster, &t.ID, &images); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(images), &t.Images); err != nil {
				return fmt.Errorf("task %s: %w", t.ID, err)
			}
			all = append(all, InUse{c.taskARN(t), t.Account, t.Images})
			return nil
		})
	})
	return all, err
}
