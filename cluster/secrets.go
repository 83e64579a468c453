package cluster

import (
	"context"
	"errors"

	"slipway/nodeapi"
	"slipway/store"
)

// Secrets reads what the definition of a task on the node whose session asks names by reference. It
// fails with ErrNoCredentials where the task is over or is another node's, and with an error worth
// another try when the session is no longer the node's.
func (c *Control) Secrets(ctx context.Context, r nodeapi.CredentialsRequest) (nodeapi.Secrets, error) {
	err := c.db.View(ctx, func(tx *store.Tx) error {
		if err := checkSession(tx, r.Node, r.Session); err != nil {
			return err
		}
		_, err := taskOnNode(tx, r.Node, r.Task)
		if errors.Is(err, ErrNoTask) {
			return ErrNoCredentials
		}
		return err
	})
	return nodeapi.Secrets{}, err
}
