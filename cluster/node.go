package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/store"
)

// NodeAccount tells whose a node is. It returns ErrNoInstance for one that is a member of no cluster.
func (c *Control) NodeAccount(ctx context.Context, node string) (account string, err error) {
	err = c.db.Row(ctx, `select account from instances where id = $1 and status <> 'INACTIVE'`, node).Scan(&account)
	if errors.Is(err, store.ErrNoRows) {
		err = fmt.Errorf("%w: %.40q", ErrNoInstance, node)
	}
	return account, err
}

// UntilLeft waits until a node is a member of no cluster any more, and returns ErrNoInstance then, or what ctx ended with.
func (c *Control) UntilLeft(ctx context.Context, node string) error {
	wake, stop := c.db.Watch(nodeTopic(node))
	defer stop()
	tick := time.NewTicker(c.config.KeepAlive)
	defer tick.Stop()
	for {
		if _, err := c.NodeAccount(ctx, node); errors.Is(err, ErrNoInstance) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-tick.C: // a wake that was lost
		}
	}
}
