package audit

import (
	"database/sql"

	"slipway/store"
)

func expiredAccounts(tx *store.Tx, before int64) (accounts []string, err error) {
	err = tx.Each(`
		select account from audit_chunks k where last_time < $1
		and seq = (select min(seq) from audit_chunks where account = k.account)
		order by account`, []any{before}, func(rows *sql.Rows) error {
		var account string
		err := rows.Scan(&account)
		accounts = append(accounts, account)
		return err
	})
	return accounts, err
}

// chunkHeads reads the first chunks of an account without what is in them.
func chunkHeads(tx *store.Tx, account string, limit int) (heads []chunk, err error) {
	err = tx.Each(`select seq, last_time, hash from audit_chunks where account = $1 order by seq limit $2`,
		[]any{account, limit}, func(rows *sql.Rows) error {
			var k chunk
			err := rows.Scan(&k.seq, &k.last, &k.hash)
			heads = append(heads, k)
			return err
		})
	return heads, err
}

func deleteChunks(tx *store.Tx, account string, before int64) error {
	_, err := tx.Exec(`delete from audit_chunks where account = $1 and seq < $2`, account, before)
	return err
}

// forgetOldSpools takes away rows of files whose server took them away and could not say so. Were
// such a file still there, all its records would be past their retention.
func forgetOldSpools(tx *store.Tx, before int64) error {
	_, err := tx.Exec(`delete from audit_spools where updated < $1`, before)
	return err
}
