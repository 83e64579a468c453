package home

import (
	"database/sql"
	"time"

	"slipway/store"
)

// row is an account, and who has it.
type row struct {
	account, server, address string
	until                    time.Time
}

const columns = `select name, owner, address, until from function_homes`

func (r *row) scan(scan func(...any) error) error {
	var until int64
	err := scan(&r.account, &r.server, &r.address, &until)
	r.until = store.Time(until)
	return err
}

// take reads who has an account, and takes it where nobody has it, unless it only reads.
func take(tx *store.Tx, account string, c Config, read bool) (r row, err error) {
	taken := false
	if !read {
		taken, err = table.Take(tx, account, c.Server, c.Life)
	}
	if err == nil && taken {
		_, err = tx.Exec(`update function_homes set address = $2 where name = $1`, account, c.Address)
		tx.Touch(Topic)
	}
	if err != nil {
		return r, err
	}
	return r, r.scan(tx.Row(columns+` where name = $1`, account).Scan)
}

func readAll(tx *store.Tx) (map[string]row, error) {
	all := map[string]row{}
	err := tx.Each(columns, nil, func(rows *sql.Rows) error {
		var r row
		err := r.scan(rows.Scan)
		all[r.account] = r
		return err
	})
	return all, err
}
