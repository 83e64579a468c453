package hooks

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/store"
)

// insertHook has the cursor begin at the present where there was no hook to move it on.
func insertHook(tx *store.Tx, h Hook, sealed []byte) error {
	var count, last, local int64
	err := tx.Row(`select (select count(*) from hooks_hooks), (select coalesce(max(seq), 0) from events)`).Scan(&count, &last)
	if err != nil {
		return err
	}
	if count >= maxHooks {
		return fmt.Errorf("%w: %d", ErrTooMany, count)
	}
	if count == 0 {
		if err := setCursor(tx, last); err != nil {
			return err
		}
	}
	if h.Local {
		local = 1
	}
	kinds, err1 := json.Marshal(h.Kinds)
	repositories, err2 := json.Marshal(h.Repositories)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err = tx.Exec(`insert into hooks_hooks (id, account, url, kinds, repositories, local, sealed, since, created)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		h.ID, h.Account, h.URL, string(kinds), string(repositories), local, sealed, last, store.Micros(h.Created))
	return err
}

func listHooks(tx *store.Tx) ([]Hook, error) {
	all := []Hook{}
	err := tx.Each(`select id, account, url, kinds, repositories, local, since, created, stopped from hooks_hooks order by created, id`, nil, func(rows *sql.Rows) error {
		var h Hook
		var kinds, repositories string
		var local, created, stopped int64
		if err := rows.Scan(&h.ID, &h.Account, &h.URL, &kinds, &repositories, &local, &h.since, &created, &stopped); err != nil {
			return err
		}
		h.Local, h.Created, h.Stopped = local == 1, store.Time(created), store.Time(stopped)
		all = append(all, h)
		last := &all[len(all)-1]
		return errors.Join(json.Unmarshal([]byte(kinds), &last.Kinds), json.Unmarshal([]byte(repositories), &last.Repositories))
	})
	return all, err
}

func setCursor(tx *store.Tx, seq int64) error {
	_, err := tx.Exec(`insert into hooks_cursor (name, seq) values ('events', $1) on conflict (name) do update set seq = excluded.seq`, seq)
	return err
}

func cursor(tx *store.Tx) (seq int64, err error) {
	err = tx.Row(`select coalesce(max(seq), 0) from hooks_cursor`).Scan(&seq)
	return seq, err
}
