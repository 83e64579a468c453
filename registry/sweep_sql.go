package registry

import (
	"database/sql"
	"slices"
	"time"

	"slipway/store"
)

// markedNames are the blobs that are marked, by the names that they have in other tables. There are few, so that
// what has to do with them is found from there: a plus before a column keeps SQLite from any other way.
const markedNames = `(select k.scope, b.digest as name from registry_marked k join registry_blobs b on b.digest = k.blob and b.content is null
	union all select k.scope, b.digest from registry_marked k join registry_blobs b on b.content = k.blob)`

// sweepable lists repositories that a sweep may find images in to take away, by their numbers.
func sweepable(tx *store.Tx, after int64, limit int) (found []Repository, err error) {
	err = tx.Each(`select `+repositoryColumns+` from registry_repositories r where id > $1 and (
			exists (select 1 from registry_manifests m where m.repository = r.id and m.untagged > 0)
			or exists (select 1 from `+markedNames+` k join registry_manifest_blobs n on n.blob = k.name
				where +n.repository = r.id and k.scope in ('', r.account)))
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
	return digests(tx, `select distinct n.manifest from `+markedNames+` k join registry_manifest_blobs n on n.blob = k.name
		where +n.repository = $1 and k.scope in ('', $2)`, repo.id, repo.Account)
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

// findUnneeded finds blobs that some repository has though none of its manifests needs them, and blobs that no
// repository has: all after the given one up to last, or to the end if last is "". Each of the two is one scan,
// which reads indexes only where the database chooses to go along them.
func findUnneeded(tx *store.Tx, after Digest, limit int) (found []Digest, last Digest, err error) {
	for _, query := range []string{
		`select l.blob from registry_links l where l.blob > $1 and ` + unneededLink + ` order by l.blob limit $2`,
		`select b.digest from registry_blobs b where b.digest > $1
			and not exists (select 1 from registry_links l where l.blob = b.digest) order by b.digest limit $2`,
	} {
		some, err := digests(tx, query, string(after), limit)
		if err != nil {
			return nil, "", err
		}
		if n := len(some); n == limit && (last == "" || some[n-1] < last) {
			last = some[n-1]
		}
		found = append(found, some...)
	}
	if last != "" {
		found = slices.DeleteFunc(found, func(d Digest) bool { return d > last })
	}
	return found, last, nil
}

// unneededLinks lists those links of the blobs that no manifest needs.
func unneededLinks(tx *store.Tx, blobs []Digest) (found []looseLink, err error) {
	err = tx.Each(`select `+looseColumns+` where `+unneededLink+` and l.blob in `+store.In(1, len(blobs)), argsOf(blobs), func(rows *sql.Rows) error {
		l, err := scanLoose(rows)
		found = append(found, l)
		return err
	})
	return found, err
}

// weight is what would become free, and when.
type weight struct {
	digest  Digest
	size    int64
	links   int  // repositories that have it
	arrives bool // again
}

// weigh weighs blobs, in the order of their digests.
func weigh(tx *store.Tx, blobs []Digest) (all []weight, err error) {
	err = tx.Each(`select digest, size, (select count(*) from registry_links l where l.blob = b.digest),
		exists (select 1 from registry_arrivals a where a.digest = b.digest)
		from registry_blobs b where digest in `+store.In(1, len(blobs))+` order by digest`, argsOf(blobs), func(rows *sql.Rows) error {
		var w weight
		err := rows.Scan(&w.digest, &w.size, &w.links, &w.arrives)
		all = append(all, w)
		return err
	})
	return all, err
}

func argsOf(blobs []Digest) []any {
	args := make([]any, len(blobs))
	for i, d := range blobs {
		args[i] = string(d)
	}
	return args
}

// neededOnlyBy reports whether a blob is needed in a repository, by manifests that are all among the given.
func neededOnlyBy(tx *store.Tx, repository int64, d Digest, gone map[imageKey]bool) (bool, error) {
	users, err := digests(tx, `select manifest from registry_manifest_blobs where blob = $1 and +repository = $2`, string(d), repository)
	for _, user := range users {
		if !gone[imageKey{repository, user}] {
			return false, err
		}
	}
	return len(users) > 0, err
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
