package seal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"slipway/store"
)

// batch is how many seals are made anew in one transaction.
const batch = 100

// renew makes every seal anew that is not under the current key, and drops the keys that no seal
// names then.
func (k *Keys) renew(ctx context.Context, say func(string)) error {
	var columns []*Column
	var old []oldKey
	err := k.db.View(ctx, func(tx *store.Tx) (err error) {
		if columns, err = k.columns(tx); err == nil {
			old, err = oldKeys(tx)
		}
		return err
	})
	if err != nil || len(old) == 0 {
		return err
	}
	renewed, damaged := 0, 0
	for _, c := range columns {
		n, bad, err := c.renew(ctx)
		if err != nil {
			return err
		}
		renewed, damaged = renewed+n, damaged+bad
		if n+bad > 0 {
			say(fmt.Sprintf("secrets of %s sealed anew: %d", c.table, n))
		}
	}
	if err := k.done("renewed"); err != nil {
		return err
	}
	if damaged > 0 {
		say(fmt.Sprintf("damaged seals, which stay as they are, and so do their keys: %d", damaged))
	}
	dropped, err := k.drop(ctx, columns, old)
	if len(dropped) > 0 {
		say(fmt.Sprintf("old data keys dropped: %d", len(dropped)))
	}
	return errors.Join(err, k.done("dropped"))
}

// renew makes the seals of one column anew, and returns how many, and how many do not open.
func (c *Column) renew(ctx context.Context) (renewed, damaged int, err error) {
	after := ""
	for {
		var rows []sealedRow
		err := c.keys.db.View(ctx, func(tx *store.Tx) error {
			id, err := currentKey(tx)
			if err == nil {
				rows, err = c.staleRows(tx, after, headFor(format2, id), batch)
			}
			return err
		})
		if err != nil || len(rows) == 0 {
			return renewed, damaged, err
		}
		after = rows[len(rows)-1].id
		n, bad, err := c.renewRows(ctx, rows)
		if err != nil {
			return renewed, damaged, err
		}
		renewed, damaged = renewed+n, damaged+bad
		if err := c.keys.done("batch"); err != nil {
			return renewed, damaged, err
		}
	}
}

// renewRows makes seals anew in one transaction, but for those that changed meanwhile.
func (c *Column) renewRows(ctx context.Context, rows []sealedRow) (renewed, damaged int, err error) {
	secrets := make([][]byte, 0, len(rows))
	defer func() {
		for _, s := range secrets {
			clear(s)
		}
	}()
	var whole []sealedRow
	for _, row := range rows {
		secret, err := c.Open(ctx, row.sealed, row.id)
		switch {
		case errors.Is(err, ErrDamaged), errors.Is(err, ErrNoKey):
			slog.Warn("a seal cannot be made anew", "error", err)
			damaged++
		case err != nil:
			return 0, damaged, err
		default:
			whole, secrets = append(whole, row), append(secrets, secret)
		}
	}
	err = c.keys.db.Update(ctx, func(tx *store.Tx) (err error) {
		renewed, err = c.replaceRows(tx, whole, secrets)
		return err
	})
	return renewed, damaged, err
}

func (c *Column) replaceRows(tx *store.Tx, rows []sealedRow, secrets [][]byte) (replaced int, err error) {
	for i, row := range rows {
		sealed, err := c.Seal(tx, secrets[i], row.id)
		if err != nil {
			return 0, err
		}
		ok, err := c.replace(tx, row, sealed)
		if err != nil {
			return 0, err
		}
		if ok {
			replaced++
		}
	}
	return replaced, nil
}

// drop deletes those of the old keys that no seal names. Who sealed under one of them reads it in
// the transaction that stores the seal, so that one of the two transactions gives way.
func (k *Keys) drop(ctx context.Context, columns []*Column, old []oldKey) (dropped []string, err error) {
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		dropped = nil
		for _, key := range old {
			named, err := isNamed(tx, columns, key.head())
			if err != nil {
				return err
			}
			if named {
				continue
			}
			if err := deleteKey(tx, key.id); err != nil {
				return err
			}
			dropped = append(dropped, key.id)
		}
		tx.Touch(keysTopic)
		return nil
	})
	return dropped, err
}

func isNamed(tx *store.Tx, columns []*Column, head string) (bool, error) {
	for _, c := range columns {
		n, err := c.count(tx, head)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}
