package accounts

import "slipway/store"

func usableKey(tx *store.Tx, id string) (account string, sealed []byte, err error) {
	err = tx.Row(`
		select k.account, k.sealed from access_keys k join accounts a on a.id = k.account
		where k.id = $1 and k.status = 'active' and a.state = 'active'`, id).Scan(&account, &sealed)
	return account, sealed, err
}

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
