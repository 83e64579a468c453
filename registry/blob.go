package registry

import (
	"context"
	"errors"
	"time"

	"slipway/blob"
	"slipway/store"
)

// BlobSize answers a push that asks if it must bring a blob: with its size, and then the blob is kept
// for the push. A blob that is marked must be brought, and is refused then. It returns ErrNoRepository or
// ErrNoBlob.
func (c *Control) BlobSize(ctx context.Context, account, repository string, d Digest) (size int64, err error) {
	a, err := c.askLink(ctx, account, repository, d)
	if err == nil && a.marked {
		err = noBlob(Repository{Account: account, Name: repository}, d)
	}
	if err == nil && !c.fresh(time.Now(), a.linked) {
		err = c.renew(ctx, account, repository, d)
	}
	return a.size, err
}

// PulledSize is the size of a blob that a pull asks for. It returns ErrNoRepository, ErrNoBlob or ErrMarked.
func (c *Control) PulledSize(ctx context.Context, account, repository string, d Digest) (size int64, err error) {
	a, err := c.askLink(ctx, account, repository, d)
	if err == nil && a.marked {
		err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error { return checkBlobs(tx, repo, []Digest{d}) })
	}
	return a.size, err
}

// OpenBlob reads a blob of the repository for a pull. It returns ErrNoRepository, ErrNoBlob or ErrMarked.
func (c *Control) OpenBlob(ctx context.Context, account, repository string, d Digest) (blob.Reader, error) {
	if _, err := c.PulledSize(ctx, account, repository, d); err != nil {
		return nil, err
	}
	return c.blobs.Open(ctx, d)
}

// MountBlob makes a blob of one repository answer in another of the same account, without its bytes
// being touched, and reports whether it did: it does not if the source does not have the blob, if that
// is marked, or if the account has mounting turned off.
// It returns ErrNoRepository for the target only.
func (c *Control) MountBlob(ctx context.Context, account, repository, from string, d Digest) (mounted bool, err error) {
	if mounted, err = c.isMounted(ctx, account, repository, from, d); mounted || err != nil {
		return mounted, err
	}
	err = c.update(ctx, account, repository, func(tx *store.Tx, to Repository) error {
		if mounting, err := readSetting(tx, account, SettingBlobMounting); err != nil || mounting == "DISABLED" {
			return err
		}
		if mounted, err = hasLink(tx, account, from, d); err != nil || !mounted {
			return err
		}
		if err := checkBlobs(tx, to, []Digest{d}); errors.Is(err, ErrMarked) {
			mounted = false
			return nil
		} else if err != nil {
			return err
		}
		return c.link(tx, to, d)
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
		less, err := unlink(tx, repo, d)
		if err != nil {
			return err
		}
		return addUsage(tx, account, less)
	})
}
