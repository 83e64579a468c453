package objects

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"slipway/blob"
	"slipway/store"
)

const (
	sweepPeriod = 10 * time.Minute
	keepUnused  = time.Hour
	keepUploads = 24 * time.Hour // bytes on their way of which nothing came for so long: who sent them is gone
	countPeriod = 24 * time.Hour
	sweptAtOnce = 500
)

// sweeper takes bytes away that nothing refers to.
type sweeper struct {
	c       *Control
	counted time.Time // when all bytes were looked at last
}

func (s *sweeper) pass(ctx context.Context) error {
	err := errors.Join(s.c.sweepUploads(ctx), s.c.sweepBlobs(ctx, keepUnused))
	if err == nil && time.Since(s.counted) > countPeriod {
		if err = s.c.countBlobs(ctx); err == nil {
			s.counted = time.Now()
		}
	}
	return err
}

func (c *Control) sweepUploads(ctx context.Context) error {
	list, err := c.blobs.Uploads(ctx)
	for _, u := range list {
		if time.Since(u.Changed) > keepUploads {
			err = errors.Join(err, c.blobs.Cancel(ctx, u.ID))
		}
	}
	return err
}

const unused = ` and not exists (select 1 from objects_versions v where v.digest = b.digest and v.digest <> '')
	and not exists (select 1 from objects_parts p where p.digest = b.digest)`

// sweepBlobs takes away what nothing refers to, and what was not wanted for so long.
func (c *Control) sweepBlobs(ctx context.Context, keep time.Duration) error {
	for after := ""; ; {
		var some []string
		err := c.db.View(ctx, func(tx *store.Tx) error {
			some = nil
			return tx.Each(`select digest from objects_blobs b where digest > $1 and wanted < $2`+unused+` order by digest limit $3`,
				[]any{after, store.Micros(tx.Now.Add(-keep)), sweptAtOnce}, func(rows *sql.Rows) error {
					digest := ""
					err := rows.Scan(&digest)
					some = append(some, digest)
					return err
				})
		})
		if err != nil || len(some) == 0 {
			return err
		}
		for _, digest := range some {
			if err := c.sweepBlob(ctx, blob.Digest(digest), keep); err != nil {
				return err
			}
			after = digest
		}
	}
}

// sweepBlob looks once more whether nothing refers to bytes, and takes them away: while the lock is held nobody begins
// to want them, and whoever does after that puts them there once more.
func (c *Control) sweepBlob(ctx context.Context, d blob.Digest, keep time.Duration) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Serialize(lockOf(d)); err != nil {
			return err
		}
		n, err := tx.Exec(`delete from objects_blobs where digest = $1 and exists (select 1 from objects_blobs b where b.digest = $1 and wanted < $2`+unused+`)`,
			string(d), store.Micros(tx.Now.Add(-keep)))
		if err != nil || n == 0 {
			return err
		}
		return c.blobs.Delete(ctx, d)
	})
}

// countBlobs writes down bytes that no row knows of, as a power cut may leave them: they are swept like all others.
func (c *Control) countBlobs(ctx context.Context) error {
	var some [][]any
	write := func() error {
		err := c.db.Update(ctx, func(tx *store.Tx) error {
			rows := make([][]any, len(some))
			for i, r := range some {
				rows[i] = append(append([]any{}, r...), store.Micros(tx.Now))
			}
			_, err := tx.ExecRows(`insert into objects_blobs (digest, size, wanted) values`, `(?, ?, ?)`, `on conflict (digest) do nothing`, rows)
			return err
		})
		some = nil
		return err
	}
	err := c.blobs.Walk(ctx, "", func(d blob.Digest, size int64, _ time.Time) error {
		some = append(some, []any{string(d), size})
		if len(some) < sweptAtOnce {
			return nil
		}
		return write()
	})
	if err == nil && len(some) > 0 {
		err = write()
	}
	return err
}
