package logs

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/store"
)

type groupRow struct {
	Group
	id   int64
	tags string // JSON
}

func insertGroup(tx *store.Tx, account, name string, tags map[string]string) (created bool, err error) {
	id, err := tx.Next()
	if err != nil {
		return false, err
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`
		insert into log_groups (id, account, name, retention, tags, created, deleted) values ($1, $2, $3, 0, $4, $5, 0)
		on conflict (account, name) where deleted = 0 do nothing`,
		id, account, []byte(name), string(text), store.Micros(tx.Now))
	return n > 0, err
}

func findGroup(tx *store.Tx, account, name string) (groupRow, error) {
	g := groupRow{Group: Group{Name: name}}
	var created int64
	err := tx.Row(`select id, retention, tags, created from log_groups where account = $1 and name = $2 and deleted = 0`,
		account, []byte(name)).Scan(&g.id, &g.Retention, &g.tags, &created)
	if errors.Is(err, store.ErrNoRows) {
		return g, fmt.Errorf("%w: %s", ErrNoGroup, name)
	}
	g.Created = store.Time(created)
	return g, err
}

var errEnough = errors.New("enough rows")

// eachGroup calls f with the groups after a name, by name, until it returns false.
func eachGroup(tx *store.Tx, account, prefix, after string, f func(groupRow) bool) error {
	err := tx.Each(`
		select id, name, retention, created from log_groups
		where account = $1 and deleted = 0 and name >= $2 and name < $3 and name > $4 order by name`,
		[]any{account, []byte(prefix), prefixEnd(prefix), []byte(after)}, func(rows *sql.Rows) error {
			var g groupRow
			var created int64
			if err := rows.Scan(&g.id, &g.Name, &g.Retention, &created); err != nil {
				return err
			}
			g.Created = store.Time(created)
			if !f(g) {
				return errEnough
			}
			return nil
		})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// prefixEnd is what all names with the prefix come before. Names are UTF-8, in which no byte is 0xff.
func prefixEnd(prefix string) []byte { return append([]byte(prefix), 0xff) }

// addSizes fills in the sizes of groups, which are those of their streams.
func addSizes(tx *store.Tx, account string, groups []Group) error {
	sizes := map[string]int64{}
	args := []any{account}
	for _, g := range groups {
		args = append(args, []byte(g.Name))
	}
	err := tx.Each(`
		select g.name, cast(sum(s.size) as bigint) from log_groups g join log_streams s on s.group_id = g.id
		where g.account = $1 and g.deleted = 0 and s.deleted = 0 and g.name in `+store.In(2, len(groups))+` group by g.name`,
		args, func(rows *sql.Rows) error {
			var name string
			var size int64
			err := rows.Scan(&name, &size)
			sizes[name] = size
			return err
		})
	for i := range groups {
		groups[i].Size = sizes[groups[i].Name]
	}
	return err
}

func markGroupDeleted(tx *store.Tx, id int64) error {
	_, err := tx.Exec(`update log_groups set deleted = $2 where id = $1`, id, store.Micros(tx.Now))
	return err
}

func updateRetention(tx *store.Tx, id int64, days int) error {
	_, err := tx.Exec(`update log_groups set retention = $2 where id = $1`, id, days)
	return err
}

func updateTags(tx *store.Tx, id int64, tags map[string]string) error {
	text, err := json.Marshal(tags)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`update log_groups set tags = $2 where id = $1`, id, string(text))
	return err
}
