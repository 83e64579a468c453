// Package objects is the room of buckets and of the objects in them: bytes under names that their owners choose, in
// as many versions as they want to keep.
//
// What is known of objects is in the database. Their bytes are in a blob store, once for each digest, and are swept
// some time after nothing refers to them any more. The room knows no wire and decides nothing about callers.
package objects

import (
	"context"
	"embed"
	"io/fs"

	"slipway/blob"
	"slipway/internal/loop"
	"slipway/store"
)

//go:embed schema
var schema embed.FS

// Blobs is where bytes lie. The room knows their digest before the store does, and says so.
type Blobs interface {
	blob.Store
	// BeginAs is Begin of an upload that CommitAs is to end.
	BeginAs(ctx context.Context, id string) error
	// CommitAs is Commit under a name that the store does not compare with the bytes.
	CommitAs(ctx context.Context, id string, name blob.Digest) (int64, error)
	// OpenAs is Open of such a name.
	OpenAs(ctx context.Context, name blob.Digest) (blob.Reader, error)
}

// Control is the room. It is safe for use by many goroutines.
type Control struct {
	db    *store.DB
	blobs Blobs
}

// New brings the tables up to date. Bytes lie in blobs, which nobody else has.
func New(ctx context.Context, db *store.DB, blobs Blobs) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	return &Control{db: db, blobs: blobs}, db.Migrate(ctx, "objects", files)
}

// Run takes away what nothing refers to, until ctx ends.
func (c *Control) Run(ctx context.Context) {
	s := &sweeper{c: c}
	loop.Run(ctx, "objects sweep", sweepPeriod, nil, s.pass)
}

// ForgetAccount deletes all that an account has here.
func (c *Control) ForgetAccount(ctx context.Context, account string) error {
	for {
		list, err := c.Buckets(ctx, BucketQuery{Account: account, Limit: 100})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, b := range list {
			if err := c.empty(ctx, b); err != nil {
				return err
			}
			if err := c.DeleteBucket(ctx, b); err != nil {
				return err
			}
		}
	}
}
