package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"slipway/store"
)

// doomBatch is how many blobs are doomed at a time. A push of one of them waits until all have gone.
const doomBatch = 32

// doomed is a blob on its way out.
type doomed struct {
	digest Digest
	size   int64 // 0: not known
}

// doom takes away the links of a blob that nobody needs, and the blob when no link is left, all
// at one instant at which nothing holds them. It reports how many links went, and the blob if it did.
func (c *Control) doom(tx *store.Tx, d Digest) (links int, gone *doomed, err error) {
	loose, err := c.looseLinks(tx, d)
	if err != nil {
		return 0, nil, err
	}
	for _, repo := range loose {
		less, err := unlink(tx, repo, d)
		if err != nil {
			return 0, nil, err
		}
		if err := addUsage(tx, repo.Account, less); err != nil {
			return 0, nil, err
		}
	}
	needed, err := isNeeded(tx, d)
	if err != nil || needed {
		return len(loose), nil, err
	}
	gone = &doomed{digest: d}
	if gone.size, err = blobSize(tx, d); noRows(err) {
		return len(loose), nil, nil
	} else if err != nil {
		return 0, nil, err
	}
	if _, err := tx.Exec(`delete from registry_blobs where digest = $1`, string(d)); err != nil {
		return 0, nil, err
	}
	return len(loose), gone, insertDoomed(tx, *gone)
}

// looseLinks finds the repositories that have the blob, though none of their manifests needs it and no push
// holds it, or it is marked.
func (c *Control) looseLinks(tx *store.Tx, d Digest) (loose []Repository, err error) {
	err = tx.Each(`select `+looseColumns+` where l.blob = $1 and `+unneededLink, []any{string(d)}, func(rows *sql.Rows) error {
		l, err := scanLoose(rows)
		if err == nil && c.isLoose(tx.Now, l) {
			loose = append(loose, l.repo)
		}
		return err
	})
	return loose, err
}

// looseLink is a link that no manifest needs.
type looseLink struct {
	digest    Digest
	repo      Repository
	linked    time.Time
	uploading bool
	marked    bool
}

func (c *Control) isLoose(now time.Time, l looseLink) bool {
	return l.marked || !c.held(now, l.linked, l.repo.pushed, l.uploading)
}

const (
	looseColumns = `l.blob, l.repository, r.account, r.name, r.pushed, l.linked,
		exists (select 1 from registry_uploads u where u.repository = l.repository),
		exists (select 1 from registry_marked k where k.scope in ('', r.account)
			and k.blob = (select coalesce(b.content, b.digest) from registry_blobs b where b.digest = l.blob))
		from registry_links l join registry_repositories r on r.id = l.repository`
	unneededLink = `not exists (select 1 from registry_manifest_blobs n where n.blob = l.blob and n.repository = l.repository)`
)

func scanLoose(rows *sql.Rows) (l looseLink, err error) {
	var pushed, linked int64
	err = rows.Scan(&l.digest, &l.repo.id, &l.repo.Account, &l.repo.Name, &pushed, &linked, &l.uploading, &l.marked)
	l.repo.pushed, l.linked = store.Time(pushed), store.Time(linked)
	return l, err
}

// scanLooseRow reads one link as though no manifest needed it.
func scanLooseRow(tx *store.Tx, repository int64, d Digest) (l looseLink, err error) {
	err = tx.Each(`select `+looseColumns+` where l.blob = $1 and l.repository = $2`, []any{string(d), repository}, func(rows *sql.Rows) (err error) {
		l, err = scanLoose(rows)
		return err
	})
	return l, err
}

// isNeeded reports whether a blob is linked anywhere, or arrives again.
func isNeeded(tx *store.Tx, d Digest) (needed bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_links where blob = $1) or exists (select 1 from registry_arrivals where digest = $1)`,
		string(d)).Scan(&needed)
	return needed, err
}

// doomUnknown dooms bytes that no row names, and reports whether it did.
func doomUnknown(tx *store.Tx, d Digest, size int64) (bool, error) {
	var known bool
	err := tx.Row(`select exists (select 1 from registry_blobs where digest = $1)
		or exists (select 1 from registry_arrivals where digest = $1) or exists (select 1 from registry_doomed where digest = $1)`,
		string(d)).Scan(&known)
	if err != nil || known {
		return false, err
	}
	return true, insertDoomed(tx, doomed{d, size})
}

func insertDoomed(tx *store.Tx, gone doomed) error {
	_, err := tx.Exec(`insert into registry_doomed (digest, size, doomed) values ($1, $2, $3)`,
		string(gone.digest), gone.size, store.Micros(tx.Now))
	return err
}

func isDoomed(tx *store.Tx, d Digest) (found bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_doomed where digest = $1)`, string(d)).Scan(&found)
	return found, err
}

func listDoomed(tx *store.Tx, after Digest, limit int) (found []doomed, err error) {
	err = tx.Each(`select digest, size from registry_doomed where digest > $1 order by digest limit $2`, []any{string(after), limit}, func(rows *sql.Rows) error {
		var gone doomed
		err := rows.Scan(&gone.digest, &gone.size)
		found = append(found, gone)
		return err
	})
	return found, err
}

// finishDoomed takes the bytes of doomed blobs away, all that there are, and tells of each.
func (c *Control) finishDoomed(ctx context.Context, t *turn, tell func(doomed)) error {
	for {
		var some []doomed
		err := c.db.View(ctx, func(tx *store.Tx) (err error) {
			some, err = listDoomed(tx, "", doomBatch)
			return err
		})
		if err != nil || len(some) == 0 {
			return err
		}
		if err := t.step(ctx, func(ctx context.Context) error { return c.removeDoomed(ctx, some) }); err != nil {
			return err
		}
		for _, gone := range some {
			tell(gone)
		}
	}
}

// removeDoomed takes the bytes first: a row without bytes is found again.
func (c *Control) removeDoomed(ctx context.Context, some []doomed) error {
	for _, gone := range some {
		if err := c.reach("doomed"); err != nil {
			return err
		}
		if err := c.blobs.Delete(ctx, gone.digest); err != nil {
			return fmt.Errorf("bytes of %s: %w", gone.digest, err)
		}
		if err := c.reach("deleted"); err != nil {
			return err
		}
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		for _, gone := range some {
			if _, err := tx.Exec(`delete from registry_doomed where digest = $1`, string(gone.digest)); err != nil {
				return err
			}
		}
		tx.Touch(doomTopic)
		return nil
	})
}

// clearDoomed finishes what a crash left doomed, for the sake of who would push it again.
func (c *Control) clearDoomed(ctx context.Context) error {
	var any bool
	err := c.db.View(ctx, func(tx *store.Tx) error {
		return tx.Row(`select exists (select 1 from registry_doomed)`).Scan(&any)
	})
	if err != nil || !any {
		return err
	}
	t, err := c.takeTurn(ctx, sweepTurn)
	if errors.Is(err, errTurn) {
		return nil // a sweep begins with them, too
	}
	if err != nil {
		return err
	}
	return errors.Join(c.finishDoomed(ctx, t, func(doomed) {}), t.leave(ctx))
}
