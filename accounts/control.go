// Package accounts is the room of who is who: accounts, their access keys, and who
// may do what.
//
// It verifies no signatures and knows no wire: it gives the doors the secret that a
// signature is verified with, and says yes or no to what the signer wants. It makes
// no files either: the keys that secrets are sealed under come in opened, and what
// Bootstrap makes is handed out for the server to write down.
package accounts

import (
	"context"
	"embed"
	"io/fs"
	"sync/atomic"
	"time"

	"slipway/accounts/policy"
	"slipway/seal"
	"slipway/store"
)

// Control is the room. It is safe for use by many goroutines.
type Control struct {
	db             *store.DB
	secrets        *seal.Column // of access keys
	sessionSecrets *seal.Column
	keys           *ring[Key]
	rights         *ring[*rights]
	sessionTexts   *texts
	resourceTexts  *texts
	trustTexts     *texts
	organization   atomic.Pointer[Organization] // nil before Bootstrap
	keepClosed     time.Duration
	used           used
}

//go:embed schema
var schema embed.FS

// New brings the tables up to date; those of events must be there. Secrets are sealed under keys,
// which are those of the database.
func New(ctx context.Context, db *store.DB, keys *seal.Keys) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "accounts", files); err != nil {
		return nil, err
	}
	secrets, err := keys.Column(ctx, "access_keys", "id", "sealed")
	if err != nil {
		return nil, err
	}
	sessionSecrets, err := keys.Column(ctx, "sessions", "id", "sealed")
	if err != nil {
		return nil, err
	}
	keysChanged, _ := db.Watch(keysTopic) // for as long as the database is open
	rightsChanged, _ := db.Watch(rightsTopic)
	return &Control{
		db:             db,
		secrets:        secrets,
		sessionSecrets: sessionSecrets,
		keys:           newRing[Key](keysChanged, ErrUnknownKey, ringKeys, nil),
		rights:         newRing(rightsChanged, errNoRights, ringRights, (*rights).weigh),
		sessionTexts:   newTexts(policy.Identity),
		resourceTexts:  newTexts(policy.Resource),
		trustTexts:     newTexts(policy.Trust),
		keepClosed:     DefaultKeepClosed,
	}, nil
}
