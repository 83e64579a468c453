package accounts

import (
	"database/sql"
	"errors"

	"slipway/store"
)

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

func countKeys(tx *store.Tx, account, owner string) (n int, err error) {
	err = tx.Row(`select count(*) from access_keys where account = $1 and owner = $2`, account, owner).Scan(&n)
	return n, err
}

func updateKeyStatus(tx *store.Tx, account, id string, active bool) error {
	status := "inactive"
	if active {
		status = "active"
	}
	_, err := tx.Exec(`update access_keys set status = $3 where id = $1 and account = $2`, id, account, status)
	return err
}

// keyInfoColumns are those that scanKeyInfo reads, of access_keys k and the entity e that owns it, if any.
const keyInfoColumns = `k.id, k.status, k.created, k.last_used, k.last_service, k.last_region, coalesce(e.name, '')
	from access_keys k left join entities e on e.id = k.owner`

func scanKeyInfo(row interface{ Scan(...any) error }) (k KeyInfo, err error) {
	var status string
	var created, used int64
	err = row.Scan(&k.ID, &status, &created, &used, &k.Service, &k.Region, &k.User)
	k.Active, k.Created, k.Used = status == "active", store.Time(created), store.Time(used)
	return k, err
}

// readKeys returns at most limit keys of an owner by their ids, those after an id.
func readKeys(tx *store.Tx, account, owner, after string, limit int) (keys []KeyInfo, err error) {
	err = tx.Each(`select `+keyInfoColumns+` where k.account = $1 and k.owner = $2 and k.id > $3 order by k.id limit $4`,
		[]any{account, owner, after, limit}, func(rows *sql.Rows) error {
			k, err := scanKeyInfo(rows)
			keys = append(keys, k)
			return err
		})
	return keys, err
}

// readKeyInfo finds a key of an account, or returns ErrNoEntity.
func readKeyInfo(tx *store.Tx, account, id string) (KeyInfo, error) {
	k, err := scanKeyInfo(tx.Row(`select `+keyInfoColumns+` where k.account = $1 and k.id = $2`, account, id))
	if errors.Is(err, store.ErrNoRows) {
		return KeyInfo{}, noKey(id)
	}
	return k, err
}
