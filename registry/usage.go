package registry

import (
	"context"
	"database/sql"
	"time"

	"slipway/store"
)

// Usage is what an account has in the registry.
type Usage struct {
	Account      string `json:"account"`
	Bytes        int64  `json:"bytes"` // of its blobs, each counted once, in however many of its repositories it is
	Blobs        int64  `json:"blobs"`
	Images       int64  `json:"images"` // manifests, indexes among them
	Repositories int64  `json:"repositories"`
}

// Usage is what an account uses now.
func (c *Control) Usage(ctx context.Context, account string) (u Usage, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		u, err = sumUsage(tx, account)
		return err
	})
	return u, err
}

// Usages is what each account uses that uses anything, by account.
func (c *Control) Usages(ctx context.Context) (all []Usage, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		return tx.Each(`select account, `+usageSums+` from registry_usage group by account order by account`, nil, func(rows *sql.Rows) error {
			var u Usage
			err := rows.Scan(&u.Account, &u.Bytes, &u.Blobs, &u.Images, &u.Repositories)
			if u != (Usage{Account: u.Account}) {
				all = append(all, u)
			}
			return err
		})
	})
	return all, err
}

// A sum of bigints is a numeric on PostgreSQL.
const usageSums = `cast(coalesce(sum(bytes), 0) as bigint), cast(coalesce(sum(blobs), 0) as bigint),
	cast(coalesce(sum(images), 0) as bigint), cast(coalesce(sum(repositories), 0) as bigint)`

func sumUsage(tx *store.Tx, account string) (Usage, error) {
	u := Usage{Account: account}
	err := tx.Row(`select `+usageSums+` from registry_usage where account = $1`, account).Scan(&u.Bytes, &u.Blobs, &u.Images, &u.Repositories)
	return u, err
}

// addUsage notes a change. Each is a row of its own, so that pushes of one account do not wait for one another.
func addUsage(tx *store.Tx, account string, u Usage) error {
	u.Account = ""
	if u == (Usage{}) {
		return nil
	}
	id, err := tx.Next()
	if err != nil {
		return err
	}
	return insertUsage(tx, account, id, u)
}

func insertUsage(tx *store.Tx, account string, id int64, u Usage) error {
	_, err := tx.Exec(`insert into registry_usage (account, id, bytes, blobs, images, repositories) values ($1, $2, $3, $4, $5, $6)`,
		account, id, u.Bytes, u.Blobs, u.Images, u.Repositories)
	return err
}

// hold counts a blob that a repository of the account has from now on.
func hold(tx *store.Tx, account string, d Digest) error {
	var links int64
	err := tx.Row(`insert into registry_holdings (account, blob, links) values ($1, $2, 1)
		on conflict (account, blob) do update set links = registry_holdings.links + 1 returning links`, account, string(d)).Scan(&links)
	if err != nil || links > 1 {
		return err
	}
	size, err := blobSize(tx, d)
	if err != nil {
		return err
	}
	return addUsage(tx, account, Usage{Bytes: size, Blobs: 1})
}

// letGo counts a blob that a repository of the account has no more, and returns what the account uses less by it.
func letGo(tx *store.Tx, account string, d Digest) (Usage, error) {
	var links int64
	err := tx.Row(`update registry_holdings set links = links - 1 where account = $1 and blob = $2 returning links`,
		account, string(d)).Scan(&links)
	if err != nil || links > 0 {
		return Usage{}, err
	}
	if _, err := tx.Exec(`delete from registry_holdings where account = $1 and blob = $2`, account, string(d)); err != nil {
		return Usage{}, err
	}
	size, err := blobSize(tx, d)
	return Usage{Bytes: -size, Blobs: -1}, err
}

// letAllGo is letGo for all that a repository has.
func letAllGo(tx *store.Tx, repo Repository) (less Usage, err error) {
	const its = ` account = $1 and blob in (select blob from registry_links where repository = $2)`
	if _, err := tx.Exec(`update registry_holdings set links = links - 1 where`+its, repo.Account, repo.id); err != nil {
		return less, err
	}
	err = tx.Row(`select cast(coalesce(sum(b.size), 0) as bigint), count(*) from registry_holdings h join registry_blobs b on b.digest = h.blob
		where links = 0 and`+its, repo.Account, repo.id).Scan(&less.Bytes, &less.Blobs)
	if err != nil {
		return less, err
	}
	_, err = tx.Exec(`delete from registry_holdings where links = 0 and`+its, repo.Account, repo.id)
	return Usage{Bytes: -less.Bytes, Blobs: -less.Blobs}, err
}

func blobSize(tx *store.Tx, d Digest) (size int64, err error) {
	err = tx.Row(`select size from registry_blobs where digest = $1`, string(d)).Scan(&size)
	return size, err
}

// foldPause is how often the changes of usage are added up.
const foldPause = time.Minute

// foldUsage adds up the changes of each account, so that there are few to add for a question.
func (c *Control) foldUsage(ctx context.Context) error {
	var accounts []string
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		accounts, err = texts(tx, `select account from registry_usage where id > 0 group by account`)
		return err
	})
	for _, account := range accounts {
		if err == nil {
			err = c.db.Update(ctx, func(tx *store.Tx) error { return foldAccount(tx, account) })
		}
	}
	return err
}

func foldAccount(tx *store.Tx, account string) error {
	var last int64
	err := tx.Row(`select coalesce(max(id), 0) from registry_usage where account = $1`, account).Scan(&last)
	if err != nil || last == 0 {
		return err
	}
	u, err := sumUsage(tx, account)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`delete from registry_usage where account = $1 and id <= $2`, account, last); err != nil {
		return err
	}
	if u == (Usage{Account: account}) {
		return nil
	}
	return insertUsage(tx, account, 0, u)
}

func texts(tx *store.Tx, query string, args ...any) (found []string, err error) {
	err = tx.Each(query, args, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		found = append(found, text)
		return err
	})
	return found, err
}
