package registry

import (
	"context"
	"errors"
	"time"

	"slipway/blob"
	"slipway/store"
)

// Bytes become a blob in three steps, and go in three, so that they never meet:
//
//	arrive   a row of registry_arrivals: the digest is not doomed from here on. While it is doomed it waits.
//	Commit   the bytes are durable under their digest
//	settle   row of the blob and its link; the arrival is gone
//
//	doom     no arrival, no link, no manifest: the blob's row is gone, one of registry_doomed is there
//	Delete   the bytes are gone
//	forget   the row of registry_doomed is gone
//
// A crash leaves an arrival or a doomed blob, which says where bytes may be that no blob's row names.

// doomWait is how long an upload waits for bytes of its digest to go.
const doomWait = 30 * time.Second

// doomTopic is touched when doomed blobs are gone.
const doomTopic = "registry.doomed"

// errDoomed says that bytes of the digest are about to go.
var errDoomed = errors.New("the blob is doomed")

// arrival is an upload that is about to become a blob.
type arrival struct {
	upload string
	digest Digest // of its bytes
	name   Digest // that the blob will have; its digest if it has no key
	key    string // id of the key that it is sealed with; "": none
	size   int64  // in bytes, where its account may not have any number; else 0
	blobs  blob.Store
}

// arrive notes that an upload is about to become a blob. It returns ErrNoRepository, ErrNoUpload,
// ErrMarked, ErrQuota, ErrBusy when bytes of that digest do not go away, or an error of checkKey.
func (c *Control) arrive(ctx context.Context, account, repository, id string, d Digest) (arrival, error) {
	a, err := c.arrivalOf(ctx, account, repository, id, d)
	if err != nil {
		return arrival{}, err
	}
	gone, stop := c.db.Watch(doomTopic)
	defer stop()
	waited, cancel := context.WithTimeout(ctx, doomWait)
	defer cancel()
	for {
		err := c.updateSoon(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
			return c.insertArrival(tx, repo, a)
		})
		if !errors.Is(err, errDoomed) {
			return a, err
		}
		if err := c.reach("doomed met"); err != nil {
			return arrival{}, err
		}
		select {
		case <-gone:
		case <-time.After(time.Second): // on another server, whose wake was lost
		case <-waited.Done():
			return arrival{}, &Error{Cause: ErrBusy, Account: account, Repository: repository, Upload: id, Digest: d}
		}
	}
}

// arrivalOf finds out all that is to be known of an arrival before it is one.
func (c *Control) arrivalOf(ctx context.Context, account, repository, id string, d Digest) (a arrival, err error) {
	a = arrival{upload: id, digest: d}
	counted := false
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		q, err := readQuota(tx, account)
		if err != nil {
			return err
		}
		counted = q.Bytes >= 0
		a.key, err = c.keyOfUpload(tx, repo, id)
		return err
	})
	if err != nil {
		return a, err
	}
	if a.blobs, err = c.bytesUnder(ctx, a.key); err != nil {
		return a, err
	}
	if a.name, err = c.nameUnder(ctx, a.key, d); err != nil || !counted {
		return a, err
	}
	a.size, err = a.blobs.Size(ctx, id)
	return a, about(err, Error{Account: account, Repository: repository, Upload: id})
}

func (c *Control) insertArrival(tx *store.Tx, repo Repository, a arrival) error {
	if _, err := c.keyOfUpload(tx, repo, a.upload); err != nil {
		return err
	}
	if err := checkBlobs(tx, repo, []Digest{a.digest}); err != nil {
		return err
	}
	if doomed, err := isDoomed(tx, a.name); err != nil {
		return err
	} else if doomed {
		return errDoomed
	}
	size, err := checkRoom(tx, repo, a)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into registry_arrivals (upload, digest, account, size, begun) values ($1, $2, $3, $4, $5)
		on conflict (upload) do update set digest = excluded.digest, size = excluded.size, begun = excluded.begun`,
		a.upload, string(a.name), repo.Account, size, store.Micros(tx.Now))
	return err
}

// checkRoom refuses bytes beyond the quota of the account, and returns how many of them count: none of
// a blob that the account has already.
func checkRoom(tx *store.Tx, repo Repository, a arrival) (int64, error) {
	if a.size == 0 {
		return 0, nil
	}
	var has bool
	err := tx.Row(`select exists (select 1 from registry_holdings where account = $1 and blob = $2)`, repo.Account, string(a.name)).Scan(&has)
	if err != nil || has {
		return 0, err
	}
	left, err := room(tx, repo, a.upload)
	if err == nil && left >= 0 && a.size > left {
		err = full(tx, repo)
	}
	return a.size, err
}

// settle writes down what Commit made durable. The blob is recorded even when its repository went
// meanwhile, so that no bytes are there that SQL does not know.
func (c *Control) settle(ctx context.Context, account, repository string, a arrival, size int64) error {
	var gone error
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from registry_arrivals where upload = $1 and digest = $2`, a.upload, string(a.name))
		if err != nil {
			return err
		}
		if n == 0 { // it took a day, and the bytes may be gone
			return &Error{Cause: ErrNoUpload, Account: account, Repository: repository, Upload: a.upload}
		}
		if err := recordBlob(tx, a, size); err != nil {
			return err
		}
		repo, err := findRepository(tx, account, repository)
		if gone = nil; errors.Is(err, ErrNoRepository) {
			gone = err
			return nil
		}
		if err != nil {
			return err
		}
		if repo.KeyID != a.key { // it went, and another has its name
			gone = noBlob(repo, a.digest)
			return nil
		}
		if err := c.link(tx, repo, a.name); err != nil {
			return err
		}
		return deleteUpload(tx, a.upload)
	})
	if err != nil {
		return err
	}
	return gone
}

// forgetArrivals ends arrivals that a crash cut off: bytes that they may have left are doomed.
func (c *Control) forgetArrivals(ctx context.Context, idle time.Duration) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		before := store.Micros(tx.Now.Add(-idle))
		old, err := digests(tx, `select digest from registry_arrivals where begun < $1`, before)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`delete from registry_arrivals where begun < $1`, before); err != nil {
			return err
		}
		for _, d := range old {
			if _, err := doomUnknown(tx, d, 0); err != nil {
				return err
			}
		}
		return nil
	})
}
