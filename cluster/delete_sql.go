package cluster

import (
	"database/sql"

	"slipway/store"
)

func askDelete(tx *store.Tx, d Definition) error {
	_, err := tx.Exec(`update definitions set status = 'DELETE_IN_PROGRESS', delete_asked = $4 where account = $1 and family = $2 and revision = $3`,
		d.Account, d.Family, d.Revision, store.Micros(d.DeleteAsked))
	return err
}

// unusedDefinitions returns a batch of the revisions that are to go and that no task and no service uses.
func unusedDefinitions(tx *store.Tx) (unused []Definition, err error) {
	err = tx.Each(`
		select account, family, revision from definitions d where status = 'DELETE_IN_PROGRESS'
			and not exists (select 1 from tasks t where t.account = d.account and t.family = d.family and t.revision = d.revision and t.status < 8)
			and not exists (select 1 from deployments p where p.account = d.account and p.family = d.family and p.number = d.revision and p.status <> 'INACTIVE')
		order by account, family, revision limit $1`, []any{deleteBatch}, func(rows *sql.Rows) error {
		var d Definition
		err := rows.Scan(&d.Account, &d.Family, &d.Revision)
		unused = append(unused, d)
		return err
	})
	return unused, err
}

// deleteDefinition forgets a revision and its tags. No task can have come to use it: only active ones are run.
func deleteDefinition(tx *store.Tx, d Definition) (deleted bool, err error) {
	n, err := tx.Exec(`delete from definitions where account = $1 and family = $2 and revision = $3 and status = 'DELETE_IN_PROGRESS'`, d.Account, d.Family, d.Revision)
	if err != nil || n == 0 {
		return false, err
	}
	_, err = tx.Exec(`delete from tags where account = $1 and resource = $2`, d.Account, "task-definition/"+d.String())
	return true, err
}
