package cluster

import (
	"database/sql"

	"slipway/store"
)

func setTags(tx *store.Tx, account, resource string, tags []Tag) error {
	for _, t := range tags {
		_, err := tx.Exec(`insert into tags (account, resource, key, value) values ($1, $2, $3, $4)
			on conflict (account, resource, key) do update set value = excluded.value`, account, resource, t.Key, t.Value)
		if err != nil {
			return err
		}
	}
	return nil
}

func deleteTags(tx *store.Tx, account, resource string, keys []string) error {
	for _, key := range keys {
		if _, err := tx.Exec(`delete from tags where account = $1 and resource = $2 and key = $3`, account, resource, key); err != nil {
			return err
		}
	}
	return nil
}

// tagsOf returns the tags of one resource by key.
func tagsOf(tx *store.Tx, account, resource string) (tags []Tag, err error) {
	err = tx.Each(`select key, value from tags where account = $1 and resource = $2 order by key`, []any{account, resource}, func(rows *sql.Rows) error {
		var t Tag
		err := rows.Scan(&t.Key, &t.Value)
		tags = append(tags, t)
		return err
	})
	return tags, err
}
