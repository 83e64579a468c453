package registry

import (
	"database/sql"
	"time"

	"slipway/store"
)

func insertUpload(tx *store.Tx, id string, repository int64) error {
	_, err := tx.Exec(`insert into registry_uploads (id, repository, started) values ($1, $2, $3)`,
		id, repository, store.Micros(tx.Now))
	return err
}

func findUpload(tx *store.Tx, repo Repository, id string) error {
	var found bool
	err := tx.Row(`select exists (select 1 from registry_uploads where id = $1 and repository = $2)`, id, repo.id).Scan(&found)
	if err == nil && !found {
		return &Error{Cause: ErrNoUpload, Account: repo.Account, Repository: repo.Name, Upload: id}
	}
	return err
}

func deleteUpload(tx *store.Tx, id string) error {
	_, err := tx.Exec(`delete from registry_uploads where id = $1`, id)
	return err
}

func deleteArrival(tx *store.Tx, upload string) error {
	_, err := tx.Exec(`delete from registry_arrivals where upload = $1`, upload)
	return err
}

// deleteUploadsBefore deletes the uploads that were started before the given time, but for those in keep.
func deleteUploadsBefore(tx *store.Tx, before time.Time, keep map[string]bool) error {
	var old []string
	err := tx.Each(`select id from registry_uploads where started < $1`, []any{store.Micros(before)}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		if !keep[id] {
			old = append(old, id)
		}
		return err
	})
	for _, id := range old {
		if err == nil {
			err = deleteUpload(tx, id)
		}
	}
	return err
}
