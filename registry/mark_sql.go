package registry

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"slipway/store"
)

// upsertMark makes the mark, or finds the one of the same scope and criteria, which gets the new reason.
func upsertMark(tx *store.Tx, m Mark) (id string, created time.Time, err error) {
	text, err := json.Marshal(m.Criteria)
	if err != nil {
		return "", time.Time{}, err
	}
	var micros int64
	err = tx.Row(`insert into registry_marks (id, scope, criteria, version, reason, created, searched) values ($1, $2, $3, $4, $5, $6, 0)
		on conflict (scope, version) do update set reason = excluded.reason returning id, created`,
		m.ID, m.Scope, string(text), m.Criteria.version(), m.Reason, store.Micros(tx.Now)).Scan(&id, &micros)
	return id, store.Time(micros), err
}

const markColumns = `id, scope, criteria, reason, created, searched, (select count(*) from registry_marked k where k.mark = registry_marks.id)`

func scanMark(scan func(...any) error) (m Mark, err error) {
	var criteria string
	var created, searched int64
	if err := scan(&m.ID, &m.Scope, &criteria, &m.Reason, &created, &searched, &m.Blobs); err != nil {
		return Mark{}, err
	}
	m.Created, m.Searched = store.Time(created), store.Time(searched)
	return m, json.Unmarshal([]byte(criteria), &m.Criteria)
}

func findMark(tx *store.Tx, account, id string) (Mark, error) {
	m, err := scanMark(tx.Row(`select `+markColumns+` from registry_marks where id = $1 and ($2 = '' or scope = $2)`, id, account).Scan)
	if noRows(err) {
		err = fmt.Errorf("%w: %s", ErrNoMark, id)
	}
	return m, err
}

func listMarks(tx *store.Tx, account string) (all []Mark, err error) {
	err = tx.Each(`select `+markColumns+` from registry_marks where $1 = '' or scope in ('', $1) order by created, id`, []any{account}, func(rows *sql.Rows) error {
		m, err := scanMark(rows.Scan)
		all = append(all, m)
		return err
	})
	return all, err
}

func countMarked(tx *store.Tx, id string) (n int, err error) {
	err = tx.Row(`select count(*) from registry_marked where mark = $1`, id).Scan(&n)
	return n, err
}

// insertMarked returns those of the blobs that the mark did not have. It returns ErrNoMark when the mark
// was taken away.
func insertMarked(tx *store.Tx, m Mark, blobs []Digest) (fresh []Digest, err error) {
	if _, err := findMark(tx, "", m.ID); err != nil {
		return nil, err
	}
	for _, d := range blobs {
		n, err := tx.Exec(`insert into registry_marked (blob, scope, mark) values ($1, $2, $3) on conflict (blob, scope, mark) do nothing`,
			string(d), m.Scope, m.ID)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			fresh = append(fresh, d)
		}
	}
	return fresh, nil
}

// deleteMarked takes the mark off some of its blobs, and returns those that no other mark of its scope has.
func deleteMarked(tx *store.Tx, mark string, limit int) (blobs []Digest, err error) {
	blobs, err = digests(tx, `select blob from registry_marked where mark = $1 order by blob limit $2`, mark, limit)
	for _, d := range blobs {
		if err == nil {
			_, err = tx.Exec(`delete from registry_marked where mark = $1 and blob = $2`, mark, string(d))
		}
	}
	return blobs, err
}

// imagesWith finds, in the repositories of an account or of all, the images that need one of the blobs, and
// the indexes that need those: repository by repository, with which of the blobs are there, under whatever
// keys.
func imagesWith(tx *store.Tx, scope string, blobs []Digest) (touched []touchedRepository, err error) {
	contents, err := namesWith(tx, blobs)
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(contents)), inAtOnce) {
		if touched, err = addTouched(tx, touched, scope, some, contents); err != nil {
			return nil, err
		}
	}
	for i := range touched {
		touched[i].images = sortedOnce(touched[i].images)
		touched[i].layers = sortedOnce(touched[i].layers)
	}
	return touched, nil
}

func sortedOnce(ds []Digest) []Digest {
	slices.Sort(ds)
	return slices.Compact(ds)
}

// addTouched adds what some blobs touch, which are given by their names.
func addTouched(tx *store.Tx, touched []touchedRepository, scope string, blobs []Digest, contents map[Digest]Digest) ([]touchedRepository, error) {
	args := []any{scope}
	for _, d := range blobs {
		args = append(args, string(d))
	}
	in := store.In(2, len(blobs))
	at := map[int64]int{}
	for i, t := range touched {
		at[t.repo.id] = i
	}
	err := tx.Each(`with recursive hit (repository, manifest) as (
			select n.repository, n.manifest from registry_manifest_blobs n join registry_repositories r on r.id = n.repository
				where n.blob in `+in+` and ($1 = '' or r.account = $1)
			union select c.repository, c.parent from hit h join registry_manifest_children c on c.repository = h.repository and c.child = h.manifest)
		select r.id, r.account, r.name, h.manifest from hit h join registry_repositories r on r.id = h.repository order by r.id, h.manifest`,
		args, func(rows *sql.Rows) error {
			var repo Repository
			var d Digest
			err := rows.Scan(&repo.id, &repo.Account, &repo.Name, &d)
			i, known := at[repo.id]
			if !known {
				i = len(touched)
				at[repo.id], touched = i, append(touched, touchedRepository{repo: repo})
			}
			touched[i].images = append(touched[i].images, d)
			return err
		})
	if err != nil {
		return nil, err
	}
	err = tx.Each(`select distinct n.repository, n.blob from registry_manifest_blobs n join registry_repositories r on r.id = n.repository
		where n.blob in `+in+` and ($1 = '' or r.account = $1) order by n.blob`, args, func(rows *sql.Rows) error {
		var repository int64
		var d Digest
		err := rows.Scan(&repository, &d)
		t := &touched[at[repository]]
		t.layers = append(t.layers, contents[d])
		return err
	})
	return touched, err
}
