package accounts

import "slipway/store"

func oldestKey(tx *store.Tx, account, owner string) (id string, sealed []byte, err error) {
	err = tx.Row(`
		select id, sealed from access_keys where account = $1 and owner = $2 and status = 'active'
		order by created, id limit 1`, account, owner).Scan(&id, &sealed)
	return id, sealed, err
}

func deleteKey(tx *store.Tx, account, id string) (deleted bool, err error) {
	n, err := tx.Exec(`delete from access_keys where id = $1 and account = $2`, id, account)
	return n > 0, err
}
