package accounts

import (
	"database/sql"

	"slipway/store"
)

// readTags returns at most limit tags of an entity by their folded keys, those after a folded key.
func readTags(tx *store.Tx, entity, after string, limit int) (tags []Tag, err error) {
	err = tx.Each(`select key, value from entity_tags where entity = $1 and folded > $2 order by folded limit $3`,
		[]any{entity, after, limit}, func(rows *sql.Rows) error {
			var t Tag
			err := rows.Scan(&t.Key, &t.Value)
			tags = append(tags, t)
			return err
		})
	return tags, err
}

// allTags returns the tags of an entity, of which there are never more than maxTags.
func allTags(tx *store.Tx, entity string) ([]Tag, error) { return readTags(tx, entity, "", maxTags) }

func putTag(tx *store.Tx, entity, folded string, t Tag) error {
	_, err := tx.Exec(`
		insert into entity_tags (entity, folded, key, value) values ($1, $2, $3, $4)
		on conflict (entity, folded) do update set key = excluded.key, value = excluded.value`, entity, folded, t.Key, t.Value)
	return err
}

func deleteTag(tx *store.Tx, entity, folded string) error {
	_, err := tx.Exec(`delete from entity_tags where entity = $1 and folded = $2`, entity, folded)
	return err
}

func countTags(tx *store.Tx, entity string) (n int, err error) {
	err = tx.Row(`select count(*) from entity_tags where entity = $1`, entity).Scan(&n)
	return n, err
}
