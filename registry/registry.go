// Package registry keeps container images: repositories, the manifests and tags in
// them, and the blobs that manifests name. Everything that is asked about is in SQL;
// the blob store holds bytes and is touched only to write new ones and to read them.
//
// A blob is stored once, however many repositories name it, and answers in a
// repository only where it was pushed or mounted. A manifest is accepted only when all
// that it needs is there, and nothing that a manifest needs goes before it.
//
// The package speaks no wire and asks nobody who may do what: its doors do. It removes
// no blob yet.
package registry

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"slipway/blob"
	"slipway/internal/arn"
	"slipway/internal/loop"
	"slipway/seal"
	"slipway/store"
)

// Digest names a manifest or a blob by its content.
type Digest = blob.Digest

// ParseDigest checks a digest, or returns an ErrDigest that says what is wrong with it.
func ParseDigest(s string) (Digest, error) { return blob.ParseDigest(s) }

// End as the offset of Append means: after what the upload has.
const End = blob.End

//go:embed schema
var schema embed.FS

// Control is the registry.
type Control struct {
	db     *store.DB
	blobs  blob.Store
	region string
	keys   keyring

	checkPolicy func(text string) error
}

// New brings the tables up to date, makes the token key at the first start, sealed under keys, and returns the registry.
// The tables of events must be there.
func New(ctx context.Context, db *store.DB, keys *seal.Keys, blobs blob.Store, region string, options ...Option) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "registry", files); err != nil {
		return nil, err
	}
	ring, err := loadKeys(ctx, db, keys)
	if err != nil {
		return nil, fmt.Errorf("keys of login tokens: %w", err)
	}
	c := &Control{db, blobs, region, ring, uncheckedPolicy}
	for _, set := range options {
		set(c)
	}
	return c, nil
}

// Region is where the registry says that it is.
func (c *Control) Region() string { return c.region }

// ARN names a repository, whether it is there or not.
func (c *Control) ARN(account, repository string) string {
	return arn.ARN{Service: "ecr", Region: c.region, Account: account, Resource: "repository/" + repository}.String()
}

// Uploads that nothing was added to for so long will not be finished.
const (
	staleAfter = 24 * time.Hour
	stalePause = time.Hour
)

// Run forgets stale uploads until ctx ends.
func (c *Control) Run(ctx context.Context) {
	loop.Run(ctx, "registry uploads", stalePause, nil, func(ctx context.Context) error {
		n, err := c.ForgetUploads(ctx, staleAfter)
		if n > 0 {
			slog.Info("forgot stale uploads", "uploads", n)
		}
		return err
	})
}
