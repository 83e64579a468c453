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

// FollowNode tells in which state a node is as a member, again and again, until it is a member no more, when it returns
// ErrNoInstance, or until ctx ends.
func (c *Control) FollowNode(ctx context.Context, node string, tell func(status string)) error {
	wake, stop := c.db.Watch(nodeTopic(node))
	defer stop()
	tick := time.NewTicker(c.config.KeepAlive)
	defer tick.Stop()
	for {
		switch status, err := c.nodeStatus(ctx, node); {
		case err == nil && status != Inactive:
			tell(status)
		case err == nil, errors.Is(err, store.ErrNoRows):
			return fmt.Errorf("%w: %.40q", ErrNoInstance, node)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-tick.C: // a wake that was lost, and what nobody is woken by
		}
	}
}

func (c *Control) nodeStatus(ctx context.Context, node string) (status string, err error) {
	err = c.db.Row(ctx, `select status from instances where id = $1`, node).Scan(&status)
	return status, err
}
