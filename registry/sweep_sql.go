package registry

import (
	"database/sql"
	"time"

	"slipway/store"
)

// sweepable lists repositories that a sweep may find images in to take away, by their numbers.
func sweepable(tx *store.Tx, after int64, limit int) (found []Repository, err error) {
	err = tx.Each(`select `+repositoryColumns+` from registry_repositories r where id > $1 and (
			exists (select 1 from registry_manifests m where m.repository = r.id and m.untagged > 0)
			or exists (select 1 from registry_marked) and exists (select 1 from registry_manifest_blobs n join registry_blobs b on b.digest = n.blob
				join registry_marked k on k.blob = coalesce(b.content, b.digest)
				where n.repository = r.id and k.scope in ('', r.account)))
		order by id limit $2`, []any{after, limit}, func(rows *sql.Rows) error {
		r, err := scanRepository(rows.Scan)
		found = append(found, r)
		return err
	})
	return found, err
}

// readFacts reads what is to be known of all images of a repository.
func readFacts(tx *store.Tx, repo Repository, running map[Digest]bool) (facts []imageFact, children map[Digest][]Digest, err error) {
	there, at := map[Digest]bool{}, map[Digest]int{}
	err = tx.Each(`select digest, subject, pushed, untagged, pulled, archived, activated from registry_manifests where repository = $1`,
		[]any{repo.id}, func(rows *sql.Rows) error {
			i, err := scanFact(rows)
			at[i.Digest], there[i.Digest] = len(facts), true
			facts = append(facts, imageFact{
				digest: i.Digest, subject: i.Subject, tagged: i.untagged.IsZero(), archived: !i.Archived.IsZero(),
				running: running[i.Digest], used: i.lastUse(),
			})
			return err
		})
	if err != nil {
		return nil, nil, err
	}
	for i := range facts {
		if !there[facts[i].subject] {
			facts[i].subject = ""
		}
	}
	marked, err := markedManifests(tx, repo)
	for _, d := range marked {
		facts[at[d]].marked = true
	}
	if err != nil {
		return nil, nil, err
	}
	children, err = readChildren(tx, repo.id)
	return facts, children, err
}

// markedManifests lists those that need a marked blob themselves.
func markedManifests(tx *store.Tx, repo Repository) ([]Digest, error) {
	if any, err := anyMarked(tx); err != nil || !any {
		return nil, err
	}
	return digests(tx, `select distinct n.manifest from registry_manifest_blobs n join registry_blobs b on b.digest = n.blob
		join registry_marked k on k.blob = coalesce(b.content, b.digest)
		where n.repository = $1 and k.scope in ('', $2)`, repo.id, repo.Account)
}

func scanFact(rows *sql.Rows) (i Image, err error) {
	var pushed, untagged, pulled, archived, activated int64
	err = rows.Scan(&i.Digest, &i.Subject, &pushed, &untagged, &pulled, &archived, &activated)
	i.Pushed, i.untagged, i.Pulled = store.Time(pushed), store.Time(untagged), store.Time(pulled)
	i.Archived, i.Activated = store.Time(archived), store.Time(activated)
	return i, err
}

// readChildren lists what each index of a repository needs.
func readChildren(tx *store.Tx, repository int64) (map[Digest][]Digest, error) {
	children := map[Digest][]Digest{}
	err := tx.Each(`select parent, child from registry_manifest_children where repository = $1`, []any{repository}, func(rows *sql.Rows) error {
		var parent, child Digest
		err := rows.Scan(&parent, &child)
		children[parent] = append(children[parent], child)
		return err
	})
	return children, err
}

// hasYoungReferrer reports whether something refers to an image that was of use after the given time.
func hasYoungReferrer(tx *store.Tx, repository int64, subject Digest, after time.Time) (found bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_manifests where repository = $1 and subject = $2
		and (pushed > $3 or untagged > $3 or pulled > $3 or activated > $3))`,
		repository, string(subject), store.Micros(after)).Scan(&found)
	return found, err
}

// pageEnd is the last of the next blobs after the given one; "" when there are none.
func pageEnd(tx *store.Tx, after Digest, limit int) (last Digest, err error) {
	err = tx.Row(`select coalesce(max(digest), '') from (select digest from registry_blobs where digest > $1 order by digest limit $2) page`,
		string(after), limit).Scan(&last)
	return last, err
}

// unneededLinks lists the links of a page of blobs that no manifest needs.
func unneededLinks(tx *store.Tx, after, last Digest) (found []looseLink, err error) {
	err = tx.Each(`select `+looseColumns+` where l.blob > $1 and l.blob <= $2 and `+unneededLink, []any{string(after), string(last)}, func(rows *sql.Rows) error {
		l, err := scanLoose(rows)
		found = append(found, l)
		return err
	})
	return found, err
}

// unlinked lists the blobs of a page that no repository has.
func unlinked(tx *store.Tx, after, last Digest) ([]Digest, error) {
	return digests(tx, `select digest from registry_blobs b where digest > $1 and digest <= $2
		and not exists (select 1 from registry_links l where l.blob = b.digest)`, string(after), string(last))
}

// linkCount is how many repositories have a blob.
func linkCount(tx *store.Tx, d Digest) (n int, err error) {
	err = tx.Row(`select count(*) from registry_links where blob = $1`, string(d)).Scan(&n)
	return n, err
}

// neededOnlyBy reports whether all manifests of a repository that need a blob are among the given.
func neededOnlyBy(tx *store.Tx, repository int64, d Digest, gone map[imageKey]bool) (bool, error) {
	users, err := digests(tx, `select manifest from registry_manifest_blobs where blob = $1 and repository = $2`, string(d), repository)
	for _, user := range users {
		if !gone[imageKey{repository, user}] {
			return false, err
		}
	}
	return true, err
}

func listSweeps(tx *store.Tx, limit int) (all []SweepReport, err error) {
	err = tx.Each(`select started, ended, images, layers, freed from registry_sweeps order by id desc limit $1`, []any{limit}, func(rows *sql.Rows) error {
		var r SweepReport
		var started, ended int64
		err := rows.Scan(&started, &ended, &r.Images, &r.Layers, &r.Freed)
		r.Started, r.Ended = store.Time(started), store.Time(ended)
		all = append(all, r)
		return err
	})
	return all, err
}
