package accounts

import (
	"database/sql"

	"slipway/store"
)

func insertAttachment(tx *store.Tx, entity, policy string) error {
	_, err := tx.Exec(`insert into attachments (entity, policy, created) values ($1, $2, $3) on conflict (entity, policy) do nothing`,
		entity, policy, store.Micros(tx.Now))
	return err
}

func deleteAttachment(tx *store.Tx, entity, policy string) (deleted bool, err error) {
	n, err := tx.Exec(`delete from attachments where entity = $1 and policy = $2`, entity, policy)
	return n > 0, err
}

func countAttachments(tx *store.Tx, entity string) (n int, err error) {
	err = tx.Row(`select count(*) from attachments where entity = $1`, entity).Scan(&n)
	return n, err
}

// readAttachments returns the ARNs of the managed policies that an entity has, in their order.
func readAttachments(tx *store.Tx, entity string) ([]string, error) {
	return readTexts(tx, `select policy from attachments where entity = $1 order by policy`, entity)
}

// readTexts runs a query of one column.
func readTexts(tx *store.Tx, query string, args ...any) (all []string, err error) {
	err = tx.Each(query, args, func(r *sql.Rows) error {
		var text string
		err := r.Scan(&text)
		all = append(all, text)
		return err
	})
	return all, err
}

// readHolders returns at most limit entities that a policy is attached to, or whose boundary it is,
// by kind and name, those after a key.
func readHolders(tx *store.Tx, account, policy string, q HolderQuery, after string, limit int) ([]Entity, error) {
	return readEntities(tx, `
		select `+entityColumns+` from entities e
		where e.account = $1 and ($3 <> 'boundary' and exists (select 1 from attachments a where a.entity = e.id and a.policy = $2)
			or $3 <> 'attached' and e.boundary = $2)
		and ($4 = '' or e.kind = $4) and substr(e.path, 1, $5) = $6 and e.kind || '/' || e.folded > $7
		order by e.kind || '/' || e.folded limit $8`,
		account, policy, usageNames[q.Usage], string(q.Kind), len(q.Prefix), q.Prefix, after, limit)
}

// usageNames are the usages as readHolders asks for them.
var usageNames = map[Usage]string{AnyUsage: "any", Permission: "attached", Boundary: "boundary"}
