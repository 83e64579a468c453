package registry

import (
	"context"
	"time"

	"slipway/store"
)

// A push asks which blobs are there, brings those that are not, and names all of them at last. What it
// was told is there must still be there then, though no manifest needs it. So a link is held
//
//   - for a lease after a push last brought the blob or asked for it: registry_links.linked;
//   - for at most as long as a push may take, as long as pushes into its repository go on:
//     registry_repositories.pushed, and uploads that have not ended.
//
// The second is for layers that take longer than a lease to arrive. A sweep takes no link that is held.

// held reports whether the lease of a link runs.
func (c *Control) held(now, linked, pushed time.Time, uploading bool) bool {
	switch since := now.Sub(linked); {
	case since < c.sweeping.Lease:
		return true
	case since < c.sweeping.Push:
		return uploading || now.Sub(pushed) < c.sweeping.Lease
	}
	return false
}

// fresh reports whether a lease runs long enough not to be written anew at each question.
func (c *Control) fresh(now, linked time.Time) bool { return now.Sub(linked) < c.sweeping.Lease/2 }

// recent reports whether pushes into a repository were noted lately enough not to be noted anew.
func (c *Control) recent(now, pushed time.Time) bool { return now.Sub(pushed) < c.sweeping.Lease/4 }

// renew keeps a blob for a push that was told of it. It returns ErrNoBlob when it went meanwhile.
func (c *Control) renew(ctx context.Context, account, repository string, d Digest) error {
	return c.update(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		if err := c.touchRepository(tx, repo); err != nil {
			return err
		}
		name, err := nameOf(tx, repo, d)
		if err != nil {
			return err
		}
		n, err := touchLink(tx, repo.id, name)
		if err == nil && n == 0 {
			return &Error{Cause: ErrNoBlob, Account: account, Repository: repository, Digest: d}
		}
		return err
	})
}

// touchRepository notes that a push is at work in the repository.
func (c *Control) touchRepository(tx *store.Tx, repo Repository) error {
	if c.recent(tx.Now, repo.pushed) {
		return nil
	}
	_, err := tx.Exec(`update registry_repositories set pushed = $2 where id = $1`, repo.id, store.Micros(tx.Now))
	return err
}

func touchLink(tx *store.Tx, repository int64, d Digest) (int64, error) {
	return tx.Exec(`update registry_links set linked = $3 where repository = $1 and blob = $2`,
		repository, string(d), store.Micros(tx.Now))
}
