package seal

import (
	"context"
	"fmt"
	"regexp"

	"slipway/store"
)

// Column is a column of a room's table that holds seals. It is safe for use by many goroutines.
type Column struct {
	keys   *Keys
	table  string
	id     string
	sealed string
	prefix string // of what its seals are bound to
}

// namePattern keeps what is written into SQL to plain names.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Column says that a table, which must be there, has a column of bytea that holds seals, and a key
// column of text. From then on rotation seals its rows anew, and a key that one of them names is
// not dropped: by this server or another, whether it knows the room or not. A room calls it in
// New, once its tables are up to date. A migration that takes the table away takes its row in
// seal_columns with it.
func (k *Keys) Column(ctx context.Context, table, id, sealed string) (*Column, error) {
	c := k.column(table, id, sealed)
	for _, name := range []string{table, id, sealed} {
		if !namePattern.MatchString(name) {
			return nil, fmt.Errorf("%w: %q", ErrColumn, name)
		}
	}
	known := 0
	err := k.db.View(ctx, func(tx *store.Tx) error {
		return tx.Row(`select count(*) from seal_columns where tbl = $1 and sealed = $2`, table, sealed).Scan(&known)
	})
	if err != nil || known > 0 {
		return c, err
	}
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into seal_columns (tbl, id, sealed) values ($1, $2, $3) on conflict (tbl, sealed) do nothing`, table, id, sealed)
		return err
	})
	return c, err
}

func (k *Keys) column(table, id, sealed string) *Column {
	return &Column{k, table, id, sealed, table + "/" + sealed + "/"}
}

// Seal makes a secret unreadable to whoever has the database alone. id is the key of its row:
// moved to another one, the seal does not open. The seal is to be stored in the same transaction,
// which is what keeps its key from being dropped meanwhile. Where this server has not the master
// key that the data is under, it returns ErrMasterKey.
func (c *Column) Seal(tx *store.Tx, plain []byte, id string) ([]byte, error) {
	key, err := c.keys.current(tx)
	if err != nil {
		return nil, err
	}
	return key.seal(plain, place{c.prefix, id}), nil
}

// Open returns the secret that Seal was given for the row with this key. It reads the database only
// when another server has made the key meanwhile, so call it when no transaction is running.
// It returns ErrDamaged, ErrMasterKey, or ErrNoKey.
func (c *Column) Open(ctx context.Context, sealed []byte, id string) ([]byte, error) {
	of := place{c.prefix, id}
	key, err := c.keys.named(ctx, headOf(sealed), of)
	if err != nil {
		return nil, err
	}
	return key.open(sealed, of)
}
