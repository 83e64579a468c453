package registry

import (
	"context"

	"slipway/blob"
	"slipway/store"
)

// BlobSize is the size of a blob of the repository, as SQL has it. It returns ErrNoRepository or ErrNoBlob.
func (c *Control) BlobSize(ctx context.Context, account, repository string, d Digest) (size int64, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		size, err = linkedSize(tx, repo, d)
		return err
	})
	return size, err
}

// OpenBlob reads a blob of the repository. It returns ErrNoRepository or ErrNoBlob.
func (c *Control) OpenBlob(ctx context.Context, account, repository string, d Digest) (blob.Reader, error) {
	if _, err := c.BlobSize(ctx, account, repository, d); err != nil {
		return nil, err
	}
	return c.blobs.Open(ctx, d)
}

// MountBlob makes a blob of one repository answer in another of the same account, without its bytes
// being touched, and reports whether it did: it does not if the source does not have the blob.
// It returns ErrNoRepository for the target only.
func (c *Control) MountBlob(ctx context.Context, account, repository, from string, d Digest) (mounted bool, err error) {
	err = c.update(ctx, account, repository, func(tx *store.Tx, to Repository) error {
		if mounted, err = hasLink(tx, account, from, d); err != nil || !mounted {
			return err
		}
		return link(tx, to.id, d)
	})
	return mounted, err
}

// DeleteBlob makes a blob answer no longer in the repository. Other repositories keep it.
// It returns ErrNoRepository, ErrNoBlob, or ErrBlobInUse with the images that need it.
func (c *Control) DeleteBlob(ctx context.Context, account, repository string, d Digest) error {
	return c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		users, err := usersOf(tx, repo.id, d)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &Error{Cause: ErrBlobInUse, Account: account, Repository: repository, Digest: d, Digests: users}
		}
		return unlink(tx, repo, d)
	})
}
