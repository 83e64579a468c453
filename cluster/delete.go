package cluster

import (
	"context"
	"errors"
	"fmt"

	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/store"
)

// DeleteDefinition wants an inactive revision gone. It stays, as Deleting, until no task uses it: tasks
// that run go on, and nothing new can run it. It fails with ErrActiveRevision for one that was not
// deregistered before. Source: Amazon ECS API Reference, DeleteTaskDefinitions.
func (c *Control) DeleteDefinition(ctx context.Context, account string, ref taskdef.Ref) (d Definition, err error) {
	if ref.Revision == 0 {
		return d, fmt.Errorf("%w: %s", ErrNoRevision, ref.Family)
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if d, err = readDefinition(tx, account, ref); err != nil || d.Status == Deleting {
			return err
		}
		if d.Status == Active {
			return fmt.Errorf("%w: %s", ErrActiveRevision, d.Ref)
		}
		d.Status, d.DeleteAsked = Deleting, tx.Now
		if err := askDelete(tx, d); err != nil {
			return err
		}
		return c.tellDefinition(tx, "definition.delete-requested", d)
	})
	return d, err
}

// deleteBatch is how many revisions one pass takes away.
const deleteBatch = 100

// deleteUnused takes away the revisions that are to go and that no task uses any more.
func (c *Control) deleteUnused(ctx context.Context) error {
	for {
		var unused []Definition
		err := c.db.View(ctx, func(tx *store.Tx) (err error) {
			unused, err = unusedDefinitions(tx)
			return err
		})
		if err != nil || len(unused) == 0 {
			return err
		}
		if err := c.db.Update(ctx, func(tx *store.Tx) error { return c.forgetDefinitions(tx, unused) }); err != nil {
			return err
		}
	}
}

func (c *Control) forgetDefinitions(tx *store.Tx, unused []Definition) error {
	var gone []Definition
	for _, d := range unused {
		deleted, err := deleteDefinition(tx, d)
		if err != nil {
			return err
		}
		if deleted {
			gone = append(gone, d)
		}
	}
	var all []error
	for _, d := range gone { // events last: from there on no other transaction can write any
		all = append(all, events.Append(tx, d.Account, "definition.deleted", DefinitionARN(c.config.Region, d.Account, d.Family, d.Revision),
			map[string]any{"family": d.Family, "revision": d.Revision}))
	}
	return errors.Join(all...)
}
