package registry

import (
	"context"
	"database/sql"
	"slices"

	"slipway/store"
)

// A blob has one name in all tables and in the blob store. Without a key, that is its digest. What is sealed
// has a name that only the key gives, so that the same bytes under another key are another blob; who has not
// the key finds it by the digest and the key's id in registry_blobs.

// nameOf is the name of the blob that has a digest and is kept as those of the repository are; "": there is
// none.
func nameOf(tx *store.Tx, repo Repository, d Digest) (name Digest, err error) {
	if repo.KeyID == "" {
		return d, nil
	}
	err = tx.Row(`select digest from registry_blobs where content = $1 and customer_key = $2`, string(d), repo.KeyID).Scan(&name)
	if noRows(err) {
		return "", nil
	}
	return name, err
}

// namesOf are the names of blobs, by their digests, but for those that are not there.
func namesOf(tx *store.Tx, repo Repository, wanted []Digest) (map[Digest]Digest, error) {
	names := make(map[Digest]Digest, len(wanted))
	if repo.KeyID == "" {
		for _, d := range wanted {
			names[d] = d
		}
		return names, nil
	}
	for some := range slices.Chunk(wanted, inAtOnce) {
		args := []any{repo.KeyID}
		for _, d := range some {
			args = append(args, string(d))
		}
		err := tx.Each(`select content, digest from registry_blobs where customer_key = $1 and content in `+store.In(2, len(some)), args, func(rows *sql.Rows) error {
			var content, name Digest
			err := rows.Scan(&content, &name)
			names[content] = name
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// namesWith are the names of all blobs, of whatever keys or none, that have one of the digests: the digests by the
// names.
func namesWith(tx *store.Tx, contents []Digest) (map[Digest]Digest, error) {
	found := make(map[Digest]Digest, len(contents))
	args := make([]any, len(contents))
	for i, d := range contents {
		found[d], args[i] = d, string(d)
	}
	if len(contents) == 0 {
		return found, nil
	}
	err := tx.Each(`select digest, content from registry_blobs where content in `+store.In(1, len(contents)), args, func(rows *sql.Rows) error {
		var name, content Digest
		err := rows.Scan(&name, &content)
		found[name] = content
		return err
	})
	return found, err
}

// askSealedLink asks for a blob of a repository that has a key, which must be one that can be used.
func (c *Control) askSealedLink(ctx context.Context, account, repository string, d Digest) (a linkAnswer, err error) {
	err = c.view(ctx, account, repository, func(tx *store.Tx, repo Repository) error {
		if err := c.checkKey(tx, repo); err != nil {
			return err
		}
		var linked int64
		err := tx.Row(`select b.size, l.linked from registry_blobs b join registry_links l on l.blob = b.digest
			where b.content = $1 and b.customer_key = $2 and l.repository = $3`, string(d), repo.KeyID, repo.id).Scan(&a.size, &linked)
		if noRows(err) {
			return noBlob(repo, d)
		}
		if err != nil {
			return err
		}
		a.key, a.linked = repo.KeyID, store.Time(linked)
		a.marked, err = isMarked(tx, account, d)
		return err
	})
	return a, err
}
