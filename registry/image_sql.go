package registry

import (
	"database/sql"
	"errors"

	"slipway/store"
)

func hasManifest(tx *store.Tx, repository int64, d Digest) (found bool, err error) {
	err = tx.Row(`select exists (select 1 from registry_manifests where repository = $1 and digest = $2)`,
		repository, string(d)).Scan(&found)
	return found, err
}

// manifestSizes returns those of the wanted manifests that the repository has, with their sizes.
func manifestSizes(tx *store.Tx, repository int64, wanted []Digest) (map[Digest]int64, error) {
	return sizes(tx, `select digest, size from registry_manifests where repository = $1 and digest in `, repository, wanted)
}

// insertManifest leaves a conflict to the database to see: what another transaction wrote since this one
// looked has it run again, as often as it takes.
func insertManifest(tx *store.Tx, repository int64, p parsed, d Digest, raw []byte) error {
	size, err := imageSize(tx, repository, p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into registry_manifests
		(repository, digest, media_type, artifact_type, config_type, subject, image_size, pushed, untagged, size, raw)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)
		on conflict (repository, digest) do nothing`,
		repository, string(d), p.MediaType, p.ArtifactType, p.configType(), string(p.subject()), size,
		store.Micros(tx.Now), len(raw), raw)
	return err
}

// imageSize is the bytes of all blobs, or of the largest child.
func imageSize(tx *store.Tx, repository int64, p parsed) (total int64, err error) {
	for _, d := range p.blobs {
		total += d.Size
	}
	children, err := sizes(tx, `select digest, image_size from registry_manifests where repository = $1 and digest in `,
		repository, digestsOf(p.children))
	for _, size := range children {
		total = max(total, size)
	}
	return total, err
}

func insertNeeds(tx *store.Tx, repo Repository, d Digest, p parsed) error {
	names, err := namesOf(tx, repo, digestsOf(p.blobs))
	if err != nil {
		return err
	}
	for _, b := range p.blobs {
		_, err := tx.Exec(`insert into registry_manifest_blobs (repository, manifest, blob) values ($1, $2, $3)`,
			repo.id, string(d), string(names[b.Digest]))
		if err != nil {
			return err
		}
	}
	for _, child := range p.children {
		_, err := tx.Exec(`insert into registry_manifest_children (repository, parent, child) values ($1, $2, $3)`,
			repo.id, string(d), string(child.Digest))
		if err != nil {
			return err
		}
	}
	return nil
}

const imageColumns = `digest, media_type, artifact_type, config_type, subject, size, image_size, pushed, untagged, pulled, archived, activated`

// scanImage scans imageColumns, and what comes after them into more.
func scanImage(scan func(...any) error, more ...any) (i Image, err error) {
	var pushed, untagged, pulled, archived, activated int64
	err = scan(append([]any{&i.Digest, &i.MediaType, &i.ArtifactType, &i.ConfigType, &i.Subject, &i.Size, &i.ImageSize,
		&pushed, &untagged, &pulled, &archived, &activated}, more...)...)
	i.Pushed, i.untagged, i.Pulled = store.Time(pushed), store.Time(untagged), store.Time(pulled)
	i.Archived, i.Activated = store.Time(archived), store.Time(activated)
	return i, err
}

func findImage(tx *store.Tx, repository int64, d Digest) (Image, error) {
	return scanImage(tx.Row(`select `+imageColumns+` from registry_manifests where repository = $1 and digest = $2`,
		repository, string(d)).Scan)
}

func findManifest(tx *store.Tx, repo Repository, id ImageID) (m Manifest, err error) {
	d, err := findDigest(tx, repo, id)
	if err != nil {
		return Manifest{}, err
	}
	m.Image, err = scanImage(tx.Row(`select `+imageColumns+`, raw from registry_manifests where repository = $1 and digest = $2`,
		repo.id, string(d)).Scan, &m.Raw)
	return m, err
}

// findDigest finds out which image is meant, and that it is there.
func findDigest(tx *store.Tx, repo Repository, id ImageID) (Digest, error) {
	e := &Error{Cause: ErrNoImage, Account: repo.Account, Repository: repo.Name, Tag: id.Tag, Digest: id.Digest}
	if id.Tag != "" {
		d, err := tagged(tx, repo.id, id.Tag)
		switch {
		case err != nil:
			return "", err
		case d == "":
			return "", e
		case id.Digest != "" && id.Digest != d:
			e.Cause = ErrTagMismatch
			return "", e
		}
		return d, nil
	}
	found, err := hasManifest(tx, repo.id, id.Digest)
	if err == nil && !found {
		err = e
	}
	return id.Digest, err
}

// tagged is the manifest that a tag names, or "".
func tagged(tx *store.Tx, repository int64, tag string) (d Digest, err error) {
	err = tx.Row(`select manifest from registry_tags where repository = $1 and name = $2`, repository, tag).Scan(&d)
	if errors.Is(err, store.ErrNoRows) {
		return "", nil
	}
	return d, err
}

func upsertTag(tx *store.Tx, repository int64, tag string, d Digest) error {
	_, err := tx.Exec(`insert into registry_tags (repository, name, manifest, tagged) values ($1, $2, $3, $4)
		on conflict (repository, name) do update set manifest = excluded.manifest, tagged = excluded.tagged`,
		repository, tag, string(d), store.Micros(tx.Now))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`update registry_manifests set untagged = 0 where repository = $1 and digest = $2 and untagged > 0`, repository, string(d))
	return err
}

func deleteTag(tx *store.Tx, repository int64, tag string, d Digest) error {
	if _, err := tx.Exec(`delete from registry_tags where repository = $1 and name = $2`, repository, tag); err != nil {
		return err
	}
	return noteUntagged(tx, repository, d)
}

// noteUntagged notes when an image lost a tag, if that was its last.
func noteUntagged(tx *store.Tx, repository int64, d Digest) error {
	_, err := tx.Exec(`update registry_manifests set untagged = $3 where repository = $1 and digest = $2
		and not exists (select 1 from registry_tags t where t.repository = $1 and t.manifest = $2)`,
		repository, string(d), store.Micros(tx.Now))
	return err
}

// keepUntagged makes an image without tags that was pushed again as young as one that was pushed now.
func (c *Control) keepUntagged(tx *store.Tx, repository int64, d Digest) error {
	_, err := tx.Exec(`update registry_manifests set untagged = $3 where repository = $1 and digest = $2 and untagged > 0 and untagged < $4`,
		repository, string(d), store.Micros(tx.Now), store.Micros(tx.Now.Add(-c.sweeping.Lease/2)))
	return err
}

func tagsOf(tx *store.Tx, repository int64, d Digest) (tags []string, err error) {
	err = tx.Each(`select name from registry_tags where repository = $1 and manifest = $2 order by name`,
		[]any{repository, string(d)}, func(rows *sql.Rows) error {
			var tag string
			err := rows.Scan(&tag)
			tags = append(tags, tag)
			return err
		})
	return tags, err
}

// parentsOf lists the indexes that need the manifest.
func parentsOf(tx *store.Tx, repository int64, d Digest) ([]Digest, error) {
	return digests(tx, `select parent from registry_manifest_children where repository = $1 and child = $2 order by parent`,
		repository, string(d))
}

// deleteManifest takes its tags and what it needed with it.
func deleteManifest(tx *store.Tx, repo Repository, d Digest) error {
	if _, err := tx.Exec(`delete from registry_manifests where repository = $1 and digest = $2`, repo.id, string(d)); err != nil {
		return err
	}
	return addUsage(tx, repo.Account, Usage{Images: -1})
}
