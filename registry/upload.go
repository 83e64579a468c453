package registry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"slipway/blob"
	"slipway/internal/ids"
	"slipway/store"
)

// StartUpload begins to receive a blob for the repository and returns the upload's id, a UUID.
// It returns ErrNoRepository, ErrQuota when the account may bring no byte more, an error of kind Unavailable
// when there is no room, or ErrKeyDisabled, ErrKeyPending or ErrNoKey, as all that has to do with bytes of a
// repository whose key cannot be used.
func (c *Control) StartUpload(ctx context.Context, account, repository string) (string, error) {
	id, key := ids.UUID(), ""
	err := c.updateSoon(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		if err := c.checkKey(tx, repo); err != nil {
			return err
		}
		key = repo.KeyID
		if left, err := room(tx, repo, id); err != nil {
			return err
		} else if left == 0 {
			return full(tx, repo)
		}
		if err := c.touchRepository(tx, repo); err != nil {
			return err
		}
		return insertUpload(tx, id, repo.id)
	})
	if err != nil {
		return "", err
	}
	blobs, err := c.bytesUnder(ctx, key)
	if err != nil {
		return "", err
	}
	return id, blobs.Begin(ctx, id)
}

// UploadSize is how many bytes an upload has. It returns ErrNoRepository or ErrNoUpload.
func (c *Control) UploadSize(ctx context.Context, account, repository, id string) (int64, error) {
	blobs, err := c.bytesOfUpload(ctx, account, repository, id)
	if err != nil {
		return 0, err
	}
	size, err := blobs.Size(ctx, id)
	return size, about(err, Error{Account: account, Repository: repository, Upload: id})
}

// Append adds what r gives to an upload that has exactly offset bytes, or whatever it has if offset is
// End, and returns its new size. When r fails, what came before is kept and the upload can go on.
// It returns ErrNoRepository, ErrNoUpload, ErrOffset, that of r, ErrFull when there is no room, or ErrQuota
// when it has more bytes than its account may bring; after the last two the upload is gone.
func (c *Control) Append(ctx context.Context, account, repository, id string, offset int64, r io.Reader) (size int64, err error) {
	defer c.noteRefused(account, repository, "", "", &err)
	blobs, r, err := c.withinQuota(ctx, account, repository, id, r)
	if err != nil {
		return 0, err
	}
	size, err = blobs.Append(ctx, id, offset, r)
	if errors.Is(err, ErrFull) || errors.Is(err, ErrQuota) { // what it has keeps the room that is left from everybody else
		c.dropUpload(context.WithoutCancel(ctx), id)
	}
	return size, about(err, Error{Account: account, Repository: repository, Upload: id, Size: size})
}

// withinQuota is where an upload of the repository goes, and r up to what its account may bring.
func (c *Control) withinQuota(ctx context.Context, account, repository, id string, r io.Reader) (blob.Store, io.Reader, error) {
	left, over, key := int64(-1), error(nil), ""
	err := c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) (err error) {
		if key, err = c.keyOfUpload(tx, repo, id); err != nil {
			return err
		}
		if left, err = room(tx, repo, id); err != nil || left < 0 {
			return err
		}
		over = full(tx, repo)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	blobs, err := c.bytesUnder(ctx, key)
	if err != nil || left < 0 {
		return blobs, r, err
	}
	have, err := blobs.Size(ctx, id)
	if err != nil {
		return nil, nil, about(err, Error{Account: account, Repository: repository, Upload: id})
	}
	return blobs, &bounded{r, left - have, over}, nil
}

// FinishUpload makes the upload a blob of the repository, once its bytes have the digest, and returns its
// size. It returns ErrNoRepository, ErrNoUpload, or ErrBusy when another try is good in a moment; or
// ErrMismatch, ErrMarked or ErrQuota, after which the upload is gone.
func (c *Control) FinishUpload(ctx context.Context, account, repository, id string, d Digest) (size int64, err error) {
	defer c.noteRefused(account, repository, "", d, &err)
	a, err := c.arrive(ctx, account, repository, id, d)
	if errors.Is(err, ErrMarked) || errors.Is(err, ErrQuota) {
		c.dropUpload(context.WithoutCancel(ctx), id)
	}
	if err != nil {
		return 0, err
	}
	if err := c.reach("arrived"); err != nil {
		return 0, err
	}
	size, err = a.blobs.Commit(ctx, id, d)
	if errors.Is(err, ErrMismatch) {
		c.dropUpload(context.WithoutCancel(ctx), id)
	}
	if err != nil {
		return 0, about(err, Error{Account: account, Repository: repository, Upload: id, Digest: d})
	}
	if err := c.reach("committed"); err != nil {
		return 0, err
	}
	// The bytes are a blob now, so it is written down even if the client went away.
	return size, c.settle(context.WithoutCancel(ctx), account, repository, a, size)
}

// CancelUpload ends an upload and forgets its bytes. It returns ErrNoRepository or ErrNoUpload.
func (c *Control) CancelUpload(ctx context.Context, account, repository, id string) error {
	if err := c.checkUpload(ctx, account, repository, id); err != nil {
		return err
	}
	return c.forgetUpload(ctx, id)
}

// ForgetUploads cancels uploads that were begun, and to which nothing was added, for the given time,
// and returns how many there were.
func (c *Control) ForgetUploads(ctx context.Context, idle time.Duration) (int, error) {
	received, err := c.blobs.Uploads(ctx)
	if err != nil {
		return 0, err
	}
	fresh := map[string]bool{}
	forgotten := 0
	for _, u := range received {
		if time.Since(u.Changed) < idle {
			fresh[u.ID] = true
			continue
		}
		if err := c.forgetUpload(ctx, u.ID); err != nil {
			return forgotten, err
		}
		forgotten++
	}
	// What is left are rows without bytes, of a start or a finish that a crash cut in two.
	return forgotten, c.db.Update(ctx, func(tx *store.Tx) error { return deleteUploadsBefore(tx, tx.Now.Add(-idle), fresh) })
}

// forgetUpload takes the bytes first: a row without bytes is found again, bytes without a row as well. An
// arrival stays: if it is there, a Commit may have got further than it could say.
func (c *Control) forgetUpload(ctx context.Context, id string) error {
	if err := c.blobs.Cancel(ctx, id); err != nil {
		return err
	}
	c.vaults.forget(id)
	return c.db.Update(ctx, func(tx *store.Tx) error { return deleteUpload(tx, id) })
}

// dropUpload is forgetUpload where something else is being answered: what it fails to remove is stale one day.
func (c *Control) dropUpload(ctx context.Context, id string) {
	err := c.forgetUpload(ctx, id)
	if err == nil {
		err = c.db.Update(ctx, func(tx *store.Tx) error { return deleteArrival(tx, id) })
	}
	if err != nil {
		slog.Warn("an upload stays until it is stale", "upload", id, "error", err)
	}
}

// checkUpload makes sure that the upload is one of the repository's.
func (c *Control) checkUpload(ctx context.Context, account, repository, id string) error {
	return c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		return findUpload(tx, repo, id)
	})
}

// bytesOfUpload is where an upload of the repository goes.
func (c *Control) bytesOfUpload(ctx context.Context, account, repository, id string) (blob.Store, error) {
	var key string
	err := c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) (err error) {
		key, err = c.keyOfUpload(tx, repo, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.bytesUnder(ctx, key)
}

// keyOfUpload makes sure that an upload of the repository can go on, and returns the id of its key, or "".
func (c *Control) keyOfUpload(tx *store.Tx, repo Repository, id string) (string, error) {
	if err := findUpload(tx, repo, id); err != nil {
		return "", err
	}
	return repo.KeyID, c.checkKey(tx, repo)
}

// about says what a failure of the blob store is about. What says so already stays as it is.
func about(err error, e Error) error {
	if err == nil {
		return nil
	}
	if _, said := errors.AsType[*Error](err); said {
		return err
	}
	e.Cause = err
	return &e
}
