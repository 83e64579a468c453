package accounts

import "slipway/store"

func insertMember(tx *store.Tx, group, user string) error {
	_, err := tx.Exec(`insert into members (group_id, user_id, created) values ($1, $2, $3) on conflict (group_id, user_id) do nothing`,
		group, user, store.Micros(tx.Now))
	return err
}

func deleteMember(tx *store.Tx, group, user string) (deleted bool, err error) {
	n, err := tx.Exec(`delete from members where group_id = $1 and user_id = $2`, group, user)
	return n > 0, err
}

func countGroups(tx *store.Tx, user string) (n int, err error) {
	err = tx.Row(`select count(*) from members where user_id = $1`, user).Scan(&n)
	return n, err
}

// readMembers returns at most limit users of a group by name, those after a folded name.
func readMembers(tx *store.Tx, group, after string, limit int) ([]Entity, error) {
	return readEntities(tx, `select `+entityColumns+` from members m join entities e on e.id = m.user_id
		where m.group_id = $1 and e.folded > $2 order by e.folded limit $3`, group, after, limit)
}

// readGroups returns at most limit groups of a user by name, those after a folded name.
func readGroups(tx *store.Tx, user, after string, limit int) ([]Entity, error) {
	return readEntities(tx, `select `+entityColumns+` from members m join entities e on e.id = m.group_id
		where m.user_id = $1 and e.folded > $2 order by e.folded limit $3`, user, after, limit)
}
