package functions

import (
	"context"
	"errors"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// layerPolicy reads the policy of a version and its revision. It returns ErrNoLayer.
func layerPolicy(tx *store.Tx, r LayerRef) (policy, revision string, err error) {
	err = tx.Row(`select v.policy, v.revision`+layerTables+` where l.account = $1 and l.name = $2 and v.version = $3`,
		r.Account, []byte(r.Name), r.Version).Scan(&policy, &revision)
	if errors.Is(err, store.ErrNoRows) {
		err = ErrNoLayer
	}
	return policy, revision, err
}

// AddLayerPermission adds a statement to the policy of a version, and returns it with the policy's new revision. It
// returns ErrNoLayer, ErrThere, ErrPolicyLength, or ErrPrecondition if revision is not "" and not the policy's.
func (c *Control) AddLayerPermission(ctx context.Context, r LayerRef, p Permission, revision string) (statement, next string, err error) {
	statement, err = p.statement(c.LayerARN(r))
	if err != nil {
		return "", "", err
	}
	next, err = c.editLayerPolicy(ctx, r, revision, func(policy string) (string, error) { return p.with(policy, statement) })
	return statement, next, err
}

// RemoveLayerPermission takes a statement out of the policy of a version. It returns ErrNoLayer, ErrNoSetting or
// ErrPrecondition.
func (c *Control) RemoveLayerPermission(ctx context.Context, r LayerRef, id, revision string) error {
	_, err := c.editLayerPolicy(ctx, r, revision, func(policy string) (string, error) { return without(policy, id) })
	return err
}

func (c *Control) editLayerPolicy(ctx context.Context, r LayerRef, revision string, edit func(string) (string, error)) (next string, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		policy, now, err := layerPolicy(tx, r)
		if errors.Is(err, ErrNoLayer) {
			err = c.noLayerVersion(r)
		}
		if err == nil && revision != "" && revision != now {
			err = errs.Say(ErrPrecondition, "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id")
		}
		if err == nil {
			policy, err = edit(policy)
		}
		if err == nil {
			err = c.checkPolicy(policy)
		}
		if err != nil {
			return err
		}
		next = ids.UUID()
		_, err = tx.Exec(`update functions_layer_versions set policy = $1, revision = $2 where version = $3
			and layer in (select id from functions_layers where account = $4 and name = $5)`, policy, next, r.Version, r.Account, []byte(r.Name))
		return err
	})
	return next, err
}

// LayerPolicy reads the policy of a version and its revision. It returns ErrNoLayer, or ErrNoSetting if it has none.
func (c *Control) LayerPolicy(ctx context.Context, r LayerRef) (policy, revision string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		policy, revision, err = layerPolicy(tx, r)
		switch {
		case errors.Is(err, ErrNoLayer):
			return c.noLayerVersion(r)
		case err == nil && policy == "":
			return errs.Say(ErrNoSetting, "No policy is associated with the given resource.")
		}
		return err
	})
	return policy, revision, err
}

// DecidingLayerPolicy is the policy of a version for who decides: "" if it has none or is not there.
func (c *Control) DecidingLayerPolicy(ctx context.Context, r LayerRef) (policy string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		policy, _, err = layerPolicy(tx, r)
		if errors.Is(err, ErrNoLayer) {
			return nil
		}
		return err
	})
	return policy, err
}
