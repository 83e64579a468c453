package registry

import (
	"database/sql"
	"maps"
	"slices"

	"slipway/store"
)

func noBlob(repo Repository, d Digest) error {
	return &Error{Cause: ErrNoBlob, Account: repo.Account, Repository: repo.Name, Digest: d}
}

// linkedSizes returns those of the wanted blobs that the repository has, with their sizes.
func linkedSizes(tx *store.Tx, repo Repository, wanted []Digest) (map[Digest]int64, error) {
	if repo.KeyID == "" {
		return namedSizes(tx, repo.id, wanted)
	}
	names, err := namesOf(tx, repo, wanted)
	if err != nil {
		return nil, err
	}
	named, err := namedSizes(tx, repo.id, slices.Collect(maps.Values(names)))
	found := make(map[Digest]int64, len(named))
	for d, name := range names {
		if size, linked := named[name]; linked {
			found[d] = size
		}
	}
	return found, err
}

// namedSizes is linkedSizes by the names of blobs.
func namedSizes(tx *store.Tx, repository int64, wanted []Digest) (map[Digest]int64, error) {
	return sizes(tx, `select b.digest, b.size from registry_links l join registry_blobs b on b.digest = l.blob
		where l.repository = $1 and l.blob in `, repository, wanted)
}

// sizes runs a query of digests and sizes that ends in "in" over all of wanted.
func sizes(tx *store.Tx, query string, repository int64, wanted []Digest) (map[Digest]int64, error) {
	found := make(map[Digest]int64, len(wanted))
	err := eachIn(tx, query, "", repository, wanted, func(rows *sql.Rows) error {
		var d Digest
		var size int64
		err := rows.Scan(&d, &size)
		found[d] = size
		return err
	})
	return found, err
}

// inAtOnce keeps a statement's parameters far below what the databases take.
const inAtOnce = 500

// eachIn runs a query with the repository as its first argument and a list of digests between query and rest.
func eachIn(tx *store.Tx, query, rest string, repository int64, wanted []Digest, scan func(*sql.Rows) error) error {
	for some := range slices.Chunk(wanted, inAtOnce) {
		args := []any{repository}
		for _, d := range some {
			args = append(args, string(d))
		}
		if err := tx.Each(query+store.In(2, len(some))+rest, args, scan); err != nil {
			return err
		}
	}
	return nil
}

func hasLink(tx *store.Tx, account, repository string, d Digest) (found bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_links l join registry_repositories r on r.id = l.repository
		where r.account = $1 and r.name = $2 and l.blob = $3)`, account, repository, string(d)).Scan(&found)
	return found, err
}

// recordBlob notes that the bytes of an arrival are durable.
func recordBlob(tx *store.Tx, a arrival, size int64) error {
	content := sql.NullString{String: string(a.digest), Valid: a.key != ""}
	_, err := tx.Exec(`insert into registry_blobs (digest, size, stored, content, customer_key) values ($1, $2, $3, $4, $5) on conflict (digest) do nothing`,
		string(a.name), size, store.Micros(tx.Now), content, a.key)
	return err
}

// link makes a blob answer in a repository, and keeps it for the push that asks for that. What is held long
// enough already is not written anew.
func (c *Control) link(tx *store.Tx, repo Repository, d Digest) error {
	if err := c.touchRepository(tx, repo); err != nil {
		return err
	}
	made, err := tx.Exec(`insert into registry_links (repository, blob, linked) values ($1, $2, $3) on conflict (repository, blob) do nothing`,
		repo.id, string(d), store.Micros(tx.Now))
	if err != nil {
		return err
	}
	if made > 0 {
		return hold(tx, repo.Account, d)
	}
	_, err = tx.Exec(`update registry_links set linked = $3 where repository = $1 and blob = $2 and linked <= $4`,
		repo.id, string(d), store.Micros(tx.Now), store.Micros(tx.Now.Add(-c.sweeping.Lease/2)))
	return err
}

// unlink makes a blob answer in a repository no more, and returns what its account uses less by it.
func unlink(tx *store.Tx, repo Repository, d Digest) (Usage, error) {
	gone, err := tx.Exec(`delete from registry_links where repository = $1 and blob = $2`, repo.id, string(d))
	if err == nil && gone == 0 {
		err = noBlob(repo, d)
	}
	if err != nil {
		return Usage{}, err
	}
	return letGo(tx, repo.Account, d)
}

// usersOf lists a few manifests of the repository that need the blob.
func usersOf(tx *store.Tx, repository int64, d Digest) ([]Digest, error) {
	return digests(tx, `select manifest from registry_manifest_blobs where blob = $2 and +repository = $1 order by manifest limit 10`,
		repository, string(d))
}

func digests(tx *store.Tx, query string, args ...any) ([]Digest, error) {
	var found []Digest
	err := tx.Each(query, args, func(rows *sql.Rows) error {
		var d Digest
		err := rows.Scan(&d)
		found = append(found, d)
		return err
	})
	return found, err
}
