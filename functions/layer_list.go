package functions

import (
	"context"
	"errors"

	"slipway/internal/errs"
	"slipway/store"
)

// GetLayer reads a version. It returns ErrNoLayer, or ErrInput for a number that none can have.
func (c *Control) GetLayer(ctx context.Context, r LayerRef) (l Layer, err error) {
	if r.Version < 1 {
		return Layer{}, errs.Say(ErrInput, "Layer Version Cannot be less than 1")
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		l, err = layerVersion(tx, r)
		return err
	})
	return l, err
}

// Layers lists, by their names, the newest version of each layer of an account that a filter lets through. It
// begins behind the name after and lists limit of them at most.
func (c *Control) Layers(ctx context.Context, account string, f LayerFilter, after string, limit int) (list []Layer, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		return upTo(eachLayer(tx, `l.account = $1 and l.name > $2 order by l.name, v.version desc`, []any{account, []byte(after)}, func(l Layer) error {
			switch {
			case !f.matches(l.Settings), len(list) > 0 && list[len(list)-1].Name == l.Name:
				return nil
			case len(list) == limit:
				return errEnough
			}
			list = append(list, l)
			return nil
		}))
	})
	return list, err
}

// LayerVersions lists the versions of a layer that a filter lets through, the newest first. It begins below the
// version before, or at the newest if that is 0, and lists limit of them at most.
func (c *Control) LayerVersions(ctx context.Context, r LayerRef, f LayerFilter, before int64, limit int) (list []Layer, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		return upTo(eachLayer(tx, `l.account = $1 and l.name = $2 and (v.version < $3 or $3 = 0) order by v.version desc`, []any{r.Account, []byte(r.Name), before}, func(l Layer) error {
			switch {
			case !f.matches(l.Settings):
				return nil
			case len(list) == limit:
				return errEnough
			}
			list = append(list, l)
			return nil
		}))
	})
	return list, err
}

// errEnough ends a walk over rows that has all it wants.
var errEnough = errors.New("enough")

func upTo(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// DeleteLayer deletes a version; one that is not there is deleted. Functions that have it keep its code, and go on.
func (c *Control) DeleteLayer(ctx context.Context, r LayerRef) error {
	if r.Version < 1 {
		return errs.Say(ErrInput, "Layer Version Cannot be less than 1")
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from functions_layer_versions where version = $3
			and layer in (select id from functions_layers where account = $1 and name = $2)`, r.Account, []byte(r.Name), r.Version)
		return err
	})
}
