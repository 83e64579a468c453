package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"slipway/store"
)

// Quota is how much an account may have. In SetQuota 0 is the default, and less than 0 is no bound; what
// QuotaOf returns is settled: less than 0 is no bound.
type Quota struct {
	Bytes        int64 `json:"bytes"`  // of its blobs, each counted once
	Images       int64 `json:"images"` // of a repository
	Repositories int64 `json:"repositories"`
}

// DefaultQuota is what an account may have of which nothing was said.
// Source: Amazon ECR User Guide, "Amazon ECR service quotas".
var DefaultQuota = Quota{Bytes: -1, Images: 20_000, Repositories: 100_000}

// SetQuota bounds an account from now on. What it has already it keeps.
func (c *Control) SetQuota(ctx context.Context, account string, q Quota) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into registry_quotas (account, bytes, images, repositories) values ($1, $2, $3, $4)
			on conflict (account) do update set bytes = excluded.bytes, images = excluded.images, repositories = excluded.repositories`,
			account, said(q.Bytes), said(q.Images), said(q.Repositories))
		return err
	})
}

func said(n int64) sql.NullInt64 { return sql.NullInt64{Int64: n, Valid: n != 0} }

// QuotaOf is how much an account may have.
func (c *Control) QuotaOf(ctx context.Context, account string) (q Quota, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		q, err = readQuota(tx, account)
		return err
	})
	return q, err
}

func readQuota(tx *store.Tx, account string) (Quota, error) {
	q := DefaultQuota
	var bytes, images, repositories sql.NullInt64
	err := tx.Row(`select bytes, images, repositories from registry_quotas where account = $1`, account).Scan(&bytes, &images, &repositories)
	if errors.Is(err, store.ErrNoRows) {
		return q, nil
	}
	for _, column := range []struct {
		said sql.NullInt64
		of   *int64
	}{{bytes, &q.Bytes}, {images, &q.Images}, {repositories, &q.Repositories}} {
		if column.said.Valid {
			*column.of = column.said.Int64
		}
	}
	return q, err
}

// over is the ErrQuota of an account that may have so many of something.
func over(repo Repository, quota int64, what string) error {
	return &Error{Cause: fmt.Errorf("%w: at most %d %s", ErrQuota, quota, what), Account: repo.Account, Repository: repo.Name}
}

// checkRepositories refuses the repository that was just made when it is one more than the account may have.
func checkRepositories(tx *store.Tx, repo Repository) error {
	q, err := readQuota(tx, repo.Account)
	if err != nil || q.Repositories < 0 {
		return err
	}
	u, err := sumUsage(tx, repo.Account)
	if err == nil && u.Repositories > q.Repositories {
		err = over(repo, q.Repositories, "repositories in an account")
	}
	return err
}

// room is how many bytes more an account may bring, beside those that are about to arrive; less than 0: any.
func room(tx *store.Tx, repo Repository, but string) (int64, error) {
	q, err := readQuota(tx, repo.Account)
	if err != nil || q.Bytes < 0 {
		return -1, err
	}
	u, err := sumUsage(tx, repo.Account)
	if err != nil {
		return 0, err
	}
	var arriving int64
	err = tx.Row(`select cast(coalesce(sum(size), 0) as bigint) from registry_arrivals where account = $1 and upload <> $2`, repo.Account, but).Scan(&arriving)
	return max(0, q.Bytes-u.Bytes-arriving), err
}

// full is the ErrQuota of an account that may bring no more bytes.
func full(tx *store.Tx, repo Repository) error {
	q, err := readQuota(tx, repo.Account)
	if err != nil {
		return err
	}
	return over(repo, q.Bytes, "bytes of layers in an account")
}

// bounded is a reader of at most so many bytes. What goes on after them is an error, not an end.
type bounded struct {
	io.Reader
	left int64
	over error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return b.probe()
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// probe tells an end from what goes on.
func (b *bounded) probe() (int, error) {
	n, err := b.Reader.Read(make([]byte, 1))
	if n > 0 {
		err = b.over
	}
	return 0, err
}
