package registry

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"slipway/store"
)

const upstreamColumns = `account, shown, url, kind, upstream_prefix, credential, role, created, updated`

func scanUpstream(scan func(...any) error) (u Upstream, err error) {
	var created, updated int64
	err = scan(&u.Account, &u.Prefix, &u.URL, &u.Kind, &u.UpstreamPrefix, &u.Credential, &u.Role, &created, &updated)
	u.Created, u.Updated = store.Time(created), store.Time(updated)
	return u, err
}

func insertUpstream(tx *store.Tx, u Upstream) error {
	made, err := tx.Exec(`insert into registry_upstreams (prefix, `+upstreamColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (account, prefix) do nothing`,
		prefixKey(u.Prefix), u.Account, u.Prefix, u.URL, u.Kind, u.UpstreamPrefix, u.Credential, u.Role, store.Micros(u.Created), store.Micros(u.Updated))
	if err == nil && made == 0 {
		err = &Error{Cause: ErrUpstreamExists, Account: u.Account, Name: u.Prefix}
	}
	return err
}

func findUpstream(tx *store.Tx, account, prefix string) (Upstream, error) {
	u, err := scanUpstream(tx.Row(`select `+upstreamColumns+` from registry_upstreams where account = $1 and prefix = $2`,
		account, prefixKey(prefix)).Scan)
	if errors.Is(err, store.ErrNoRows) {
		return Upstream{}, &Error{Cause: ErrNoUpstream, Account: account, Name: prefix}
	}
	return u, err
}

func listUpstreams(tx *store.Tx, account, after string, limit int) (found []Upstream, err error) {
	err = tx.Each(`select `+upstreamColumns+` from registry_upstreams where account = $1 and prefix > $2 order by prefix limit $3`,
		[]any{account, after, limit}, func(rows *sql.Rows) error {
			u, err := scanUpstream(rows.Scan)
			found = append(found, u)
			return err
		})
	return found, err
}

// findUpstreams finds those that have one of the prefixes, by prefix.
func findUpstreams(tx *store.Tx, account string, prefixes []string) (map[string]Upstream, error) {
	var found map[string]Upstream
	err := tx.Each(`select `+upstreamColumns+` from registry_upstreams where account = $1 and prefix in `+store.In(2, len(prefixes)),
		accountAnd(account, prefixes), func(rows *sql.Rows) error {
			u, err := scanUpstream(rows.Scan)
			if found == nil {
				found = map[string]Upstream{}
			}
			found[prefixKey(u.Prefix)] = u
			return err
		})
	return found, err
}

func countUpstreams(tx *store.Tx, account string) error {
	var n int
	err := tx.Row(`select count(*) from registry_upstreams where account = $1`, account).Scan(&n)
	if err == nil && n > maxUpstreams {
		err = fmt.Errorf("%w: at most %d", ErrTooManyUpstreams, maxUpstreams)
	}
	return err
}

// tagDue is when a tag that came from another registry, with this image, is to be looked up there again. It
// is zero for one that did not.
func tagDue(tx *store.Tx, repository int64, tag string, d Digest) (time.Time, error) {
	var due int64
	err := tx.Row(`select due from registry_upstream_tags where repository = $1 and name = $2 and digest = $3`,
		repository, tag, string(d)).Scan(&due)
	if errors.Is(err, store.ErrNoRows) {
		return time.Time{}, nil
	}
	return store.Time(due), err
}

// setTagDue notes that a tag came from another registry with this image, which it must have now.
func setTagDue(tx *store.Tx, repository int64, tag string, d Digest, due time.Time) error {
	_, err := tx.Exec(`insert into registry_upstream_tags (repository, name, digest, due)
		select repository, name, manifest, cast($4 as bigint) from registry_tags where repository = $1 and name = $2 and manifest = $3
		on conflict (repository, name) do update set digest = excluded.digest, due = excluded.due`,
		repository, tag, string(d), store.Micros(due))
	return err
}
