package registry

import (
	"database/sql"
	"time"

	"slipway/registry/lifecycle"
	"slipway/store"
)

// dueLifecycles lists the repositories whose policies were not applied after the given time.
func dueLifecycles(tx *store.Tx, before time.Time) (due []Repository, err error) {
	err = tx.Each(`select `+repositoryColumns+` from registry_repositories where id in
		(select repository from registry_lifecycles where evaluated <= $1) order by id`, []any{store.Micros(before)}, func(rows *sql.Rows) error {
		r, err := scanRepository(rows.Scan)
		due = append(due, r)
		return err
	})
	return due, err
}

// evaluate finds out what a policy would do to the images of a repository now.
func evaluate(tx *store.Tx, repo Repository, text string) ([]lifecycle.Mark, error) {
	p, err := lifecycle.Parse(text)
	if err != nil {
		return nil, err
	}
	images, err := lifecycleImages(tx, repo)
	if err != nil {
		return nil, err
	}
	return p.Apply(images, tx.Now), nil
}

// lifecycleImages are the images of a repository that no index names and that refer to none that is there.
func lifecycleImages(tx *store.Tx, repo Repository) (images []lifecycle.Image, err error) {
	at := map[string]int{}
	err = tx.Each(`select digest, subject, pushed, untagged, pulled, archived, activated from registry_manifests m where repository = $1
		and not exists (select 1 from registry_manifest_children c where c.repository = m.repository and c.child = m.digest)
		and (subject = '' or not exists (select 1 from registry_manifests s where s.repository = m.repository and s.digest = m.subject))`,
		[]any{repo.id}, func(rows *sql.Rows) error {
			i, err := scanFact(rows)
			at[string(i.Digest)] = len(images)
			images = append(images, lifecycle.Image{Digest: string(i.Digest), Pushed: i.Pushed, Pulled: i.Pulled, Archived: i.Archived})
			return err
		})
	if err != nil {
		return nil, err
	}
	err = tx.Each(`select manifest, name from registry_tags where repository = $1 order by name`, []any{repo.id}, func(rows *sql.Rows) error {
		var d, tag string
		err := rows.Scan(&d, &tag)
		if i, is := at[d]; is {
			images[i].Tags = append(images[i].Tags, tag)
		}
		return err
	})
	return images, err
}
