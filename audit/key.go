package audit

import (
	"context"
	"crypto/rand"
	"errors"

	"slipway/seal"
	"slipway/store"
)

const (
	chainKeySize = 32
	chainKeyName = "chain"
)

// chainKey returns the key that all chains of a database are made with, and makes it at the first
// start. It stays the same when the keys that it is sealed under are replaced.
func chainKey(ctx context.Context, db *store.DB, keys *seal.Keys) ([]byte, error) {
	column, err := keys.Column(ctx, "audit_keys", "id", "sealed")
	if err != nil {
		return nil, err
	}
	fresh := make([]byte, chainKeySize)
	rand.Read(fresh) // never fails: crypto/rand ends the program instead
	var sealed []byte
	err = db.Update(ctx, func(tx *store.Tx) error {
		err := tx.Row(`select sealed from audit_keys where id = $1`, chainKeyName).Scan(&sealed)
		if !errors.Is(err, store.ErrNoRows) {
			return err
		}
		if sealed, err = column.Seal(tx, fresh, chainKeyName); err != nil {
			return err
		}
		_, err = tx.Exec(`insert into audit_keys (id, sealed, created) values ($1, $2, $3)`, chainKeyName, sealed, store.Micros(tx.Now))
		return err
	})
	if err != nil {
		return nil, err
	}
	return column.Open(ctx, sealed, chainKeyName)
}
