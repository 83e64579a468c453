package registry

import (
	"database/sql"

	"slipway/store"
)

// where is the rest of a condition on manifests m.
func (f Filter) where() (rest string) {
	for _, part := range []struct {
		filter Filter
		where  string
	}{
		{Tagged, " and m.untagged = 0"}, {Untagged, " and m.untagged > 0"}, {Active, " and m.archived = 0"}, {Archived, " and m.archived > 0"},
	} {
		if f&part.filter != 0 {
			rest += part.where
		}
	}
	return rest
}

func listImages(tx *store.Tx, repository int64, f Filter, after string, limit int) ([]Image, error) {
	where := f.where()
	var found []Image
	err := tx.Each(`select `+imageColumns+` from registry_manifests m
		where repository = $1 and digest > $2`+where+` order by digest limit $3`,
		[]any{repository, after, limit}, func(rows *sql.Rows) error {
			i, err := scanImage(rows.Scan)
			found = append(found, i)
			return err
		})
	return found, err
}

// addTags fills in the tags of images.
func addTags(tx *store.Tx, repository int64, images []Image) error {
	at := map[Digest][]int{}
	var wanted []Digest
	for i, image := range images {
		if at[image.Digest] == nil {
			wanted = append(wanted, image.Digest)
		}
		at[image.Digest] = append(at[image.Digest], i)
	}
	return eachIn(tx, `select manifest, name from registry_tags where repository = $1 and manifest in `, ` order by name`,
		repository, wanted, func(rows *sql.Rows) error {
			var d Digest
			var tag string
			err := rows.Scan(&d, &tag)
			for _, i := range at[d] {
				images[i].Tags = append(images[i].Tags, tag)
			}
			return err
		})
}

func listImageIDs(tx *store.Tx, repository int64, f Filter, after ImageID, limit int) ([]ImageID, error) {
	where := f.where()
	var found []ImageID
	err := tx.Each(`select m.digest, coalesce(t.name, '') from registry_manifests m
		left join registry_tags t on t.repository = m.repository and t.manifest = m.digest
		where m.repository = $1 and m.digest >= $2 and (m.digest > $2 or coalesce(t.name, '') > $3)`+where+`
		order by m.digest, t.name limit $4`,
		[]any{repository, string(after.Digest), after.Tag, limit}, func(rows *sql.Rows) error {
			var id ImageID
			err := rows.Scan(&id.Digest, &id.Tag)
			found = append(found, id)
			return err
		})
	return found, err
}

func listTags(tx *store.Tx, repository int64, after string, limit int) (tags []string, err error) {
	err = tx.Each(`select name from registry_tags where repository = $1 and name > $2 order by name limit $3`,
		[]any{repository, after, limit}, func(rows *sql.Rows) error {
			var tag string
			err := rows.Scan(&tag)
			tags = append(tags, tag)
			return err
		})
	return tags, err
}

// listReferrers reads no more than fits on a page, which it finds out by the sizes first.
func listReferrers(tx *store.Tx, repository int64, subject, after Digest, limit int) (found []Manifest, more bool, err error) {
	last, more, err := endOfReferrers(tx, repository, subject, after, limit)
	if err != nil || last == "" {
		return nil, more, err
	}
	err = tx.Each(`select `+imageColumns+`, raw from registry_manifests
		where repository = $1 and subject = $2 and digest > $3 and digest <= $4 order by digest`,
		[]any{repository, string(subject), string(after), string(last)}, func(rows *sql.Rows) (err error) {
			var m Manifest
			m.Image, err = scanImage(rows.Scan, &m.Raw)
			found = append(found, m)
			return err
		})
	return found, more, err
}

// endOfReferrers is the last that fits on a page after the given one, "" if none does.
func endOfReferrers(tx *store.Tx, repository int64, subject, after Digest, limit int) (last Digest, more bool, err error) {
	const around = 512 // bytes of an entry of the page, beside what its manifest has
	count, room := 0, int64(MaxManifest)
	err = tx.Each(`select digest, size from registry_manifests where repository = $1 and subject = $2 and digest > $3 order by digest limit $4`,
		[]any{repository, string(subject), string(after), limit + 1}, func(rows *sql.Rows) error {
			var d Digest
			var size int64
			err := rows.Scan(&d, &size)
			count, room = count+1, room-size-around
			if more = more || count > limit || count > 1 && room < 0; !more {
				last = d
			}
			return err
		})
	return last, more, err
}
