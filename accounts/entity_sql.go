package accounts

import (
	"database/sql"
	"errors"
	"time"

	"slipway/store"
)

// entityColumns are those that scanEntity reads, of a table called e.
const entityColumns = `e.id, e.account, e.kind, e.name, e.path, e.description, e.trust, e.max_session, e.boundary, e.service,
	e.last_used, e.last_region, e.created, e.updated`

func scanEntity(row interface{ Scan(...any) error }) (e Entity, err error) {
	var maxSession, lastUsed, created, updated int64
	err = row.Scan(&e.ID, &e.Account, &e.Kind, &e.Name, &e.Path, &e.Description, &e.Trust, &maxSession, &e.Boundary, &e.Service,
		&lastUsed, &e.LastRegion, &created, &updated)
	e.MaxSession = time.Duration(maxSession) * time.Second
	e.LastUsed, e.Created, e.Updated = store.Time(lastUsed), store.Time(created), store.Time(updated)
	return e, err
}

// readEntity finds an entity by its name, in whatever case, or returns ErrNoEntity.
func readEntity(tx *store.Tx, account string, kind Kind, name string) (Entity, error) {
	e, err := scanEntity(tx.Row(`select `+entityColumns+` from entities e where e.account = $1 and e.kind = $2 and e.folded = $3`,
		account, string(kind), fold(name)))
	if errors.Is(err, store.ErrNoRows) {
		return Entity{}, noEntity(kind, name)
	}
	return e, err
}

// readEntityID finds an entity by its unique id, or returns store.ErrNoRows.
func readEntityID(tx *store.Tx, id string) (Entity, error) {
	return scanEntity(tx.Row(`select `+entityColumns+` from entities e where e.id = $1`, id))
}

func insertEntity(tx *store.Tx, e Entity) (inserted bool, err error) {
	n, err := tx.Exec(`
		insert into entities (id, account, kind, name, folded, path, description, trust, max_session, boundary, service, last_used, last_region, created, updated)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', $12, $13) on conflict (account, kind, folded) do nothing`,
		e.ID, e.Account, string(e.Kind), e.Name, fold(e.Name), e.Path, e.Description, e.Trust, int64(e.MaxSession/time.Second), e.Boundary, e.Service,
		store.Micros(e.Created), store.Micros(e.Updated))
	return n > 0, err
}

// updateEntity writes what the API may change of an entity. That its name is free was checked before.
func updateEntity(tx *store.Tx, e Entity) error {
	_, err := tx.Exec(`
		update entities set name = $2, folded = $3, path = $4, description = $5, trust = $6, max_session = $7, boundary = $8, updated = $9
		where id = $1`,
		e.ID, e.Name, fold(e.Name), e.Path, e.Description, e.Trust, int64(e.MaxSession/time.Second), e.Boundary, store.Micros(tx.Now))
	return err
}

// deleteEntity takes an entity away with its tags. What else belongs to it must be gone before.
func deleteEntity(tx *store.Tx, id string) error {
	if _, err := tx.Exec(`delete from entity_tags where entity = $1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(`delete from entities where id = $1`, id)
	return err
}

func countEntities(tx *store.Tx, account string, kind Kind) (n int, err error) {
	err = tx.Row(`select count(*) from entities where account = $1 and kind = $2`, account, string(kind)).Scan(&n)
	return n, err
}

// listEntities returns those of a kind whose path begins with prefix, by name, after the folded
// name after: at most limit.
func listEntities(tx *store.Tx, account string, kind Kind, prefix, after string, limit int) ([]Entity, error) {
	return readEntities(tx, `
		select `+entityColumns+` from entities e
		where e.account = $1 and e.kind = $2 and substr(e.path, 1, $3) = $4 and e.folded > $5 order by e.folded limit $6`,
		account, string(kind), len(prefix), prefix, after, limit)
}

// readEntities runs a query for entityColumns.
func readEntities(tx *store.Tx, query string, args ...any) (list []Entity, err error) {
	err = tx.Each(query, args, func(rows *sql.Rows) error {
		e, err := scanEntity(rows)
		list = append(list, e)
		return err
	})
	return list, err
}

func hasEntity(tx *store.Tx, account string, kind Kind, name string) (bool, error) {
	n := 0
	err := tx.Row(`select count(*) from entities where account = $1 and kind = $2 and folded = $3`, account, string(kind), fold(name)).Scan(&n)
	return n > 0, err
}

// hasRow looks whether a table has rows whose column is an entity's id.
func hasRow(table, column string) func(*store.Tx, string) (bool, error) {
	query := `select count(*) from ` + table + ` where ` + column + ` = $1`
	return func(tx *store.Tx, id string) (bool, error) {
		n := 0
		err := tx.Row(query, id).Scan(&n)
		return n > 0, err
	}
}
