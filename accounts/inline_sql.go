package accounts

import (
	"database/sql"

	"slipway/store"
)

func putInline(tx *store.Tx, entity string, p InlinePolicy) error {
	_, err := tx.Exec(`
		insert into inline_policies (entity, name, document) values ($1, $2, $3)
		on conflict (entity, name) do update set document = excluded.document`, entity, p.Name, p.Document)
	return err
}

// readInline returns the inline policies of an entity, of which there is never more than the quota
// of their size lets in.
func readInline(tx *store.Tx, entity string) (all []InlinePolicy, err error) {
	err = tx.Each(`select name, document from inline_policies where entity = $1 order by name`, []any{entity}, func(r *sql.Rows) error {
		var p InlinePolicy
		err := r.Scan(&p.Name, &p.Document)
		all = append(all, p)
		return err
	})
	return all, err
}
