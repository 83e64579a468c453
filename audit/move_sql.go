package audit

import (
	"errors"

	"slipway/store"
)

// movedTo is how far a segment is in the database.
func movedTo(tx *store.Tx, name string) (at int64, err error) {
	err = tx.Row(`select moved from audit_spools where name = $1`, name).Scan(&at)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	return at, err
}

func setMoved(tx *store.Tx, name string, at int64) error {
	_, err := tx.Exec(`
		insert into audit_spools (name, moved, updated) values ($1, $2, $3)
		on conflict (name) do update set moved = excluded.moved, updated = excluded.updated`, name, at, store.Micros(tx.Now))
	return err
}

// forgetSpools takes away the rows of segments that are no more.
func forgetSpools(tx *store.Tx, names []string) error {
	for _, name := range names {
		if _, err := tx.Exec(`delete from audit_spools where name = $1`, name); err != nil {
			return err
		}
	}
	return nil
}
