// Package accounts is the room of who is who: accounts, their access keys, and who
// may do what.
//
// It verifies no signatures and knows no wire: it gives the doors the secret that a
// signature is verified with, and says yes or no to what the signer wants. It makes
// no files either: the master key comes in as bytes, and what Bootstrap makes is
// handed out for the server to write down.
package accounts

import (
	"context"
	"embed"
	"io/fs"

	"slipway/store"
)

// Control is the room. It is safe for use by many goroutines.
type Control struct {
	db     *store.DB
	sealer *sealer
	keys   *keyring
}

//go:embed schema
var schema embed.FS

// New brings the tables up to date. The master key, 32 random bytes, is what secrets are sealed
// under: it is not in the database, and without it they cannot be read.
func New(ctx context.Context, db *store.DB, master []byte) (*Control, error) {
	sealer, err := newSealer(master)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "accounts", files); err != nil {
		return nil, err
	}
	c := &Control{db: db, sealer: sealer}
	changed, _ := db.Watch(keysTopic) // for as long as the database is open
	c.keys = newKeyring(changed, c.readKey)
	return c, nil
}
