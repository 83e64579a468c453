package cluster

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/cluster/taskdef"
	"slipway/internal/errs"
	"slipway/store"
)

func nextRevision(tx *store.Tx, account, family string) (revision int, err error) {
	err = tx.Row(`insert into families (account, name, last) values ($1, $2, 1)
		on conflict (account, name) do update set last = families.last + 1 returning last`, account, family).Scan(&revision)
	return revision, err
}

func insertDefinition(tx *store.Tx, d Definition, spec string) error {
	_, err := tx.Exec(`insert into definitions (account, family, revision, status, registered, registered_by, deregistered, spec) values ($1, $2, $3, $4, $5, $6, 0, $7)`,
		d.Account, d.Family, d.Revision, d.Status, store.Micros(d.Registered), d.RegisteredBy, spec)
	return err
}

func deactivateDefinition(tx *store.Tx, account string, ref taskdef.Ref) error {
	_, err := tx.Exec(`update definitions set status = 'INACTIVE', deregistered = $4 where account = $1 and family = $2 and revision = $3`,
		account, ref.Family, ref.Revision, store.Micros(tx.Now))
	return err
}

func readDefinition(tx *store.Tx, account string, ref taskdef.Ref) (Definition, error) {
	d := Definition{Account: account}
	var registered, deregistered, deleteAsked int64
	var spec string
	err := tx.Row(`
		select family, revision, status, registered, registered_by, deregistered, delete_asked, spec from definitions
		where account = $1 and family = $2 and (revision = $3 or $3 = 0 and status = 'ACTIVE')
		order by revision desc limit 1`, account, ref.Family, ref.Revision).
		Scan(&d.Family, &d.Revision, &d.Status, &registered, &d.RegisteredBy, &deregistered, &deleteAsked, &spec)
	if errors.Is(err, store.ErrNoRows) {
		return d, fmt.Errorf("%w: %s", taskdef.ErrNotFound, ref.Family)
	}
	if err != nil {
		return d, err
	}
	d.Registered, d.Deregistered, d.DeleteAsked = store.Time(registered), store.Time(deregistered), store.Time(deleteAsked)
	if err := json.Unmarshal([]byte(spec), &d.Spec); err != nil {
		return d, fmt.Errorf("task definition %s: %w", d.Ref, err)
	}
	d.Tags, err = tagsOf(tx, account, "task-definition/"+d.String())
	return d, err
}

// definitionRefs goes on after the revision that a page ended with. The two orders are two
// statements, so that each is read from the primary key.
func definitionRefs(tx *store.Tx, account string, f DefinitionFilter, after string, limit int) (refs []taskdef.Ref, err error) {
	query := `select family, revision from definitions
		where account = $1 and status = $2 and ($3 = '' or family = $3) and (family, revision) > ($4, $5) order by family, revision limit $6`
	last := taskdef.Ref{}
	if f.Descending {
		query = `select family, revision from definitions
			where account = $1 and status = $2 and ($3 = '' or family = $3) and ($4 = '' or (family, revision) < ($4, $5)) order by family desc, revision desc limit $6`
	}
	if after != "" {
		if last, err = taskdef.ParseRef(after); err != nil {
			return nil, errs.Say(ErrInvalid, "Invalid token.")
		}
	}
	err = tx.Each(query, []any{account, f.Status, f.Family, last.Family, last.Revision, limit}, func(rows *sql.Rows) error {
		var r taskdef.Ref
		err := rows.Scan(&r.Family, &r.Revision)
		refs = append(refs, r)
		return err
	})
	return refs, err
}

func familyNames(tx *store.Tx, account, prefix, status, after string, limit int) (names []string, err error) {
	err = tx.Each(`
		select name from families f where account = $1 and name > $2 and substr(name, 1, length($3)) = $3
			and exists (select 1 from definitions d where d.account = f.account and d.family = f.name)
			and ($4 = '' or ($4 = 'ACTIVE') = exists (select 1 from definitions d where d.account = f.account and d.family = f.name and d.status = 'ACTIVE'))
		order by name limit $5`,
		[]any{account, after, prefix, status, limit}, intoStrings(&names))
	return names, err
}
