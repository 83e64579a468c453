package seal

import (
	"database/sql"

	"slipway/store"
)

const (
	stateCurrent = "current"
	stateOld     = "old"
)

// masterRow is a row of the master keys.
type masterRow struct {
	mark    string
	created int64
}

// masterRows lists the master keys, the one that replaces the others first.
func masterRows(tx *store.Tx) (all []masterRow, err error) {
	err = tx.Each(`select mark, created from seal_masters order by turn desc`, nil, func(r *sql.Rows) error {
		var m masterRow
		err := r.Scan(&m.mark, &m.created)
		all = append(all, m)
		return err
	})
	return all, err
}

// insertMaster makes mark the one that replaces the others, if it is not there.
func insertMaster(tx *store.Tx, mark string) error {
	_, err := tx.Exec(`insert into seal_masters (mark, turn, created)
		select $1, coalesce(max(turn), 0) + 1, $2 from seal_masters where true
		on conflict (mark) do nothing`, mark, store.Micros(tx.Now))
	return err
}

func currentKey(tx *store.Tx) (id string, err error) {
	err = tx.Row(`select id from seal_keys where state = $1`, stateCurrent).Scan(&id)
	return id, err
}

func insertKey(tx *store.Tx, k *dataKey, state string) error {
	_, err := tx.Exec(`insert into seal_keys (id, format, state, created) values ($1, $2, $3, $4) on conflict (id) do nothing`,
		k.id, k.format, state, store.Micros(tx.Now))
	return err
}

func insertWrap(tx *store.Tx, k *dataKey, m Master) error {
	wrapped, err := m.wrap(k.raw, k.id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into seal_wraps (key, mark, wrapped) values ($1, $2, $3)
		on conflict (key, mark) do update set wrapped = excluded.wrapped`, k.id, m.mark, wrapped)
	return err
}

// keyRow is a data key as one master key wraps it.
type keyRow struct {
	id      string
	format  int
	mark    string
	wrapped []byte
}

// keyRows lists all data keys, once for each master key that wraps them.
func keyRows(tx *store.Tx) (all []keyRow, err error) {
	err = tx.Each(`select k.id, k.format, w.mark, w.wrapped from seal_keys k join seal_wraps w on w.key = k.id`, nil, func(r *sql.Rows) error {
		var k keyRow
		err := r.Scan(&k.id, &k.format, &k.mark, &k.wrapped)
		all = append(all, k)
		return err
	})
	return all, err
}

func (r keyRow) head() string { return headFor(r.format, r.id) }

func (r keyRow) open(m Master) (*dataKey, error) {
	raw, err := m.unwrap(r.wrapped, r.id)
	if err != nil {
		return nil, err
	}
	return newDataKey(r.id, r.format, raw)
}

func upsertServer(tx *store.Tx, name, mark string) error {
	_, err := tx.Exec(`insert into seal_servers (name, mark, seen) values ($1, $2, $3)
		on conflict (name) do update set mark = excluded.mark, seen = excluded.seen`, name, mark, store.Micros(tx.Now))
	return err
}
