package objects

import (
	"context"
	"errors"

	"slipway/store"
)

// Setting is what a bucket was told under a name; "": nothing.
func (c *Control) Setting(ctx context.Context, b Bucket, kind string) (value string, err error) {
	err = c.db.Row(ctx, `select value from objects_settings where bucket = $1 and kind = $2`, b.id, kind).Scan(&value)
	if errors.Is(err, store.ErrNoRows) {
		err = nil
	}
	return value, err
}

// Set tells a bucket something under a name. It returns ErrNoBucket.
func (c *Control) Set(ctx context.Context, b Bucket, kind, value string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := b.stillThere(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`insert into objects_settings (bucket, kind, value) values ($1, $2, $3) on conflict (bucket, kind) do update set value = excluded.value`, b.id, kind, value)
		return err
	})
}
