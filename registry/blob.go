package registry

import (
	"context"
	"errors"
	"time"

	"slipway/blob"
	"slipway/store"
)

// BlobSize answers a push that asks if it must bring a blob: with its size, and then the blob is kept
// for the push. A blob that is marked, or whose key cannot be used, must be brought, and is refused then, with
// a reason. It returns ErrNoRepository or ErrNoBlob.
func (c *Control) BlobSize(ctx context.Context, account, repository string, d Digest) (size int64, err error) {
	a, err := c.askLink(ctx, account, repository, d)
	if err == nil && a.marked || isKeyError(err) {
		err = noBlob(Repository{Account: account, Name: repository}, d)
	}
	if err == nil && !c.fresh(time.Now(), a.linked) {
		err = c.renew(ctx, account, repository, d)
	}
	return a.size, err
}

// PulledSize is the size of a blob that a pull asks for. It returns ErrNoRepository, ErrNoBlob, ErrMarked, or
// ErrKeyDisabled, ErrKeyPending or ErrNoKey when it is sealed with a key that cannot be used.
func (c *Control) PulledSize(ctx context.Context, account, repository string, d Digest) (size int64, err error) {
	a, err := c.askPulled(ctx, account, repository, d)
	return a.size, err
}

// askPulled is askLink for a pull, which is refused what is marked.
func (c *Control) askPulled(ctx context.Context, account, repository string, d Digest) (linkAnswer, error) {
	a, err := c.askLink(ctx, account, repository, d)
	if err == nil && a.marked {
		err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error { return checkBlobs(tx, repo, []Digest{d}) })
	}
	return a, err
}

// OpenBlob reads a blob of the repository for a pull. It returns what PulledSize returns.
func (c *Control) OpenBlob(ctx context.Context, account, repository string, d Digest) (blob.Reader, error) {
	a, err := c.askPulled(ctx, account, repository, d)
	if err != nil {
		return nil, err
	}
	blobs, err := c.bytesUnder(ctx, a.key)
	if err != nil {
		return nil, err
	}
	return blobs.Open(ctx, d)
}

// MountBlob makes a blob of one repository answer in another of the same account, without its bytes
// being touched, and reports whether it did: it does not if the source does not have the blob, if that
// is marked, if the two do not have the same key, or if the account has mounting turned off.
// It returns ErrNoRepository for the target only, ErrKeyDisabled, ErrKeyPending or ErrNoKey.
func (c *Control) MountBlob(ctx context.Context, account, repository, from string, d Digest) (mounted bool, err error) {
	if mounted, err = c.isMounted(ctx, account, repository, from, d); mounted || err != nil {
		return mounted, err
	}
	err = c.update(ctx, account, repository, func(tx *store.Tx, to Repository) error {
		if mounting, err := readSetting(tx, account, SettingBlobMounting); err != nil || mounting == "DISABLED" {
			return err
		}
		if err := c.checkKey(tx, to); err != nil {
			return err
		}
		name, err := nameOf(tx, to, d) // under another key the source has none of that name
		if err != nil {
			return err
		}
		if mounted, err = hasLink(tx, account, from, name); err != nil || !mounted {
			return err
		}
		if err := checkBlobs(tx, to, []Digest{d}); errors.Is(err, ErrMarked) {
			mounted = false
			return nil
		} else if err != nil {
			return err
		}
		return c.link(tx, to, name)
	})
	return mounted, err
}

// DeleteBlob makes a blob answer no longer in the repository. Other repositories keep it.
// It returns ErrNoRepository, ErrNoBlob, or ErrBlobInUse with the images that need it.
func (c *Control) DeleteBlob(ctx context.Context, account, repository string, d Digest) error {
	return c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		name, err := nameOf(tx, repo, d)
		if err != nil {
			return err
		}
		users, err := usersOf(tx, repo.id, name)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &Error{Cause: ErrBlobInUse, Account: account, Repository: repository, Digest: d, Digests: users}
		}
		less, err := unlink(tx, repo, name)
		if errors.Is(err, ErrNoBlob) {
			return noBlob(repo, d)
		}
		if err != nil {
			return err
		}
		return addUsage(tx, account, less)
	})
}
