package seal

import (
	"database/sql"
	"fmt"
	"time"

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

// insertMaster writes down a master key, if it is not there.
func insertMaster(tx *store.Tx, mark string) error {
	_, err := tx.Exec(`insert into seal_masters (mark, turn, created)
		select $1, coalesce(max(turn), 0) + 1, $2 from seal_masters where true
		on conflict (mark) do nothing`, mark, store.Micros(tx.Now))
	return err
}

// raiseMaster makes a master key, new or not, the one that replaces the others.
func raiseMaster(tx *store.Tx, mark string) error {
	_, err := tx.Exec(`insert into seal_masters (mark, turn, created)
		select $1, coalesce(max(turn), 0) + 1, $2 from seal_masters where true
		on conflict (mark) do update set turn = excluded.turn`, mark, store.Micros(tx.Now))
	return err
}

func currentKey(tx *store.Tx) (id string, err error) {
	err = tx.Row(`select id from seal_keys where state = $1`, stateCurrent).Scan(&id)
	return id, err
}

func insertCurrentKey(tx *store.Tx, k *dataKey) error {
	_, err := tx.Exec(`insert into seal_keys (id, format, state, created, retired) values ($1, $2, $3, $4, 0)`,
		k.id, k.format, stateCurrent, store.Micros(tx.Now))
	return err
}

// insertOldKey writes down a key that seals nothing any more, if it is not there.
func insertOldKey(tx *store.Tx, k *dataKey) error {
	_, err := tx.Exec(`insert into seal_keys (id, format, state, created, retired) values ($1, $2, $3, $4, $4) on conflict (id) do nothing`,
		k.id, k.format, stateOld, store.Micros(tx.Now))
	return err
}

func retireCurrentKey(tx *store.Tx) error {
	_, err := tx.Exec(`update seal_keys set state = $1, retired = $2 where state = $3`, stateOld, store.Micros(tx.Now), stateCurrent)
	return err
}

func deleteKey(tx *store.Tx, id string) error {
	_, err := tx.Exec(`delete from seal_keys where id = $1 and state = $2`, id, stateOld)
	return err
}

// keepMaster takes away all master keys but one, and what they wrap.
func keepMaster(tx *store.Tx, mark string) error {
	if _, err := tx.Exec(`delete from seal_wraps where mark <> $1`, mark); err != nil {
		return err
	}
	_, err := tx.Exec(`delete from seal_masters where mark <> $1`, mark)
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

// keyID names a data key; format says what its seals look like.
type keyID struct {
	id     string
	format int
}

func (k keyID) head() string { return headFor(k.format, k.id) }

func keyIDs(tx *store.Tx) (all []keyID, err error) {
	err = tx.Each(`select id, format from seal_keys`, nil, func(r *sql.Rows) error {
		var k keyID
		err := r.Scan(&k.id, &k.format)
		all = append(all, k)
		return err
	})
	return all, err
}

func upsertServer(tx *store.Tx, name, mark string) error {
	_, err := tx.Exec(`insert into seal_servers (name, mark, seen) values ($1, $2, $3)
		on conflict (name) do update set mark = excluded.mark, seen = excluded.seen`, name, mark, store.Micros(tx.Now))
	return err
}

func deleteServer(tx *store.Tx, name string) error {
	_, err := tx.Exec(`delete from seal_servers where name = $1`, name)
	return err
}

// Server is a server over this database.
type Server struct {
	Name string    `json:"name"` // host:folder
	Mark string    `json:"mark"` // of the master key that its source gives
	Seen time.Time `json:"seen"`
}

// serverRows lists the servers that were seen since a time.
func serverRows(tx *store.Tx, since time.Time) (all []Server, err error) {
	err = tx.Each(`select name, mark, seen from seal_servers where seen >= $1 order by name`, []any{store.Micros(since)}, func(r *sql.Rows) error {
		var s Server
		var seen int64
		err := r.Scan(&s.Name, &s.Mark, &seen)
		s.Seen = store.Time(seen)
		all = append(all, s)
		return err
	})
	return all, err
}

func deleteServersBefore(tx *store.Tx, before time.Time) error {
	_, err := tx.Exec(`delete from seal_servers where seen < $1`, store.Micros(before))
	return err
}

// oldKey is a key that seals nothing any more.
type oldKey struct {
	keyID
	retired time.Time
}

func oldKeys(tx *store.Tx) (all []oldKey, err error) {
	err = tx.Each(`select id, format, retired from seal_keys where state = $1 order by retired, id`, []any{stateOld}, func(r *sql.Rows) error {
		var k oldKey
		var retired int64
		err := r.Scan(&k.id, &k.format, &retired)
		k.retired = store.Time(retired)
		all = append(all, k)
		return err
	})
	return all, err
}

// The SQL over the rooms' columns is put together here; their names were checked by Column.

// columns lists where seals are.
func (k *Keys) columns(tx *store.Tx) (all []*Column, err error) {
	err = tx.Each(`select tbl, id, sealed from seal_columns order by tbl, sealed`, nil, func(r *sql.Rows) error {
		var table, id, sealed string
		err := r.Scan(&table, &id, &sealed)
		all = append(all, k.column(table, id, sealed))
		return err
	})
	return all, err
}

// sealedRow is a row of a room with its seal.
type sealedRow struct {
	id     string
	sealed []byte
}

// staleRows lists rows after a key whose seals do not begin with head.
func (c *Column) staleRows(tx *store.Tx, after, head string, limit int) (all []sealedRow, err error) {
	query := fmt.Sprintf(`select %[1]s, %[2]s from %[3]s where %[1]s > $1 and substr(%[2]s, 1, $2) <> $3 order by %[1]s limit $4`, c.id, c.sealed, c.table)
	err = tx.Each(query, []any{after, len(head), []byte(head), limit}, func(r *sql.Rows) error {
		var row sealedRow
		err := r.Scan(&row.id, &row.sealed)
		all = append(all, row)
		return err
	})
	return all, err
}

// replace puts a new seal in the place of an old one, unless that is not there any more.
func (c *Column) replace(tx *store.Tx, old sealedRow, sealed []byte) (replaced bool, err error) {
	n, err := tx.Exec(fmt.Sprintf(`update %s set %s = $1 where %s = $2 and %[2]s = $3`, c.table, c.sealed, c.id), sealed, old.id, old.sealed)
	return n > 0, err
}

// count is how many seals begin with head.
func (c *Column) count(tx *store.Tx, head string) (n int, err error) {
	err = tx.Row(fmt.Sprintf(`select count(*) from %s where substr(%s, 1, $1) = $2`, c.table, c.sealed), len(head), []byte(head)).Scan(&n)
	return n, err
}

// countByHead is how many seals of a format there are, by their heads.
func (c *Column) countByHead(tx *store.Tx, format int, counts map[string]int) error {
	query := fmt.Sprintf(`select substr(%s, 1, $1), count(*) from %s where substr(%[1]s, 1, 1) = $2 group by 1`, c.sealed, c.table)
	return tx.Each(query, []any{1 + idSizes[format], []byte{byte(format)}}, func(r *sql.Rows) error {
		var head []byte
		var n int
		err := r.Scan(&head, &n)
		counts[string(head)] += n
		return err
	})
}
