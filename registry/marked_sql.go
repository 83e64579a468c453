package registry

import (
	"database/sql"
	"errors"
	"slices"

	"slipway/store"
)

// wholeService is the scope of a mark that holds in the repositories of all accounts.
const wholeService = ""

// checkBlobs returns an ErrMarked with those of the blobs that are marked where the repository is.
func checkBlobs(tx *store.Tx, repo Repository, blobs []Digest) error {
	marked, reason, err := markedAmong(tx, repo.Account, blobs)
	if err == nil && len(marked) > 0 {
		err = &Error{Cause: ErrMarked, Account: repo.Account, Repository: repo.Name, Digests: marked, Reason: reason}
	}
	return err
}

// checkMarks is checkBlobs for blobs, and for all that manifests of the repository need through
// whatever indexes.
func checkMarks(tx *store.Tx, repo Repository, blobs, manifests []Digest) error {
	if any, err := anyMarked(tx); err != nil || !any {
		return err
	}
	if err := checkBlobs(tx, repo, blobs); err != nil {
		return err
	}
	for seen := map[Digest]bool{}; len(manifests) > 0; {
		blobs, err := neededBy(tx, `select coalesce(b.content, b.digest) from registry_manifest_blobs n join registry_blobs b on b.digest = n.blob
			where n.repository = $1 and n.manifest in `, repo.id, manifests)
		if err != nil {
			return err
		}
		if err := checkBlobs(tx, repo, blobs); err != nil {
			return err
		}
		for _, d := range manifests {
			seen[d] = true
		}
		children, err := neededBy(tx, `select child from registry_manifest_children where repository = $1 and parent in `, repo.id, manifests)
		if err != nil {
			return err
		}
		manifests = slices.DeleteFunc(children, func(d Digest) bool { return seen[d] })
	}
	return nil
}

// anyMarked is quick, and most often the answer.
func anyMarked(tx *store.Tx) (any bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_marked)`).Scan(&any)
	return any, err
}

// neededBy lists what a query that ends in "in" finds for the manifests, each once.
func neededBy(tx *store.Tx, query string, repository int64, manifests []Digest) (found []Digest, err error) {
	err = eachIn(tx, query, "", repository, manifests, func(rows *sql.Rows) error {
		var d Digest
		err := rows.Scan(&d)
		found = append(found, d)
		return err
	})
	slices.Sort(found)
	return slices.Compact(found), err
}

// markedAmong returns those of the blobs that are marked in an account, and why one of them is.
func markedAmong(tx *store.Tx, account string, blobs []Digest) (marked []Digest, reason string, err error) {
	for some := range slices.Chunk(blobs, inAtOnce) {
		args := []any{account}
		for _, d := range some {
			args = append(args, string(d))
		}
		err = tx.Each(`select k.blob, m.reason from registry_marked k join registry_marks m on m.id = k.mark
			where k.scope in ('', $1) and k.blob in `+store.In(2, len(some))+` order by k.blob, m.created`, args, func(rows *sql.Rows) error {
			var d Digest
			var why string
			err := rows.Scan(&d, &why)
			if reason == "" {
				reason = why
			}
			if !slices.Contains(marked, d) {
				marked = append(marked, d)
			}
			return err
		})
		if err != nil {
			return nil, "", err
		}
	}
	return marked, reason, nil
}

// isMarked reports whether a blob is marked in an account.
func isMarked(tx *store.Tx, account string, d Digest) (marked bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_marked where blob = $1 and scope in ('', $2))`, string(d), account).Scan(&marked)
	return marked, err
}

func noRows(err error) bool { return errors.Is(err, store.ErrNoRows) }
