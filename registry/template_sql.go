package registry

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"slipway/store"
)

const templateColumns = `account, shown, description, uses, immutable, exceptions, labels, policy, lifecycle, role, customer_key, created, updated`

func scanTemplate(scan func(...any) error) (t Template, err error) {
	var uses, exceptions, labels string
	var immutable, created, updated int64
	err = scan(&t.Account, &t.Prefix, &t.Description, &uses, &immutable, &exceptions, &labels, &t.Policy, &t.Lifecycle, &t.Role, &t.KeyID, &created, &updated)
	if err != nil {
		return Template{}, err
	}
	t.Mutability.Immutable = immutable == 1
	t.Created, t.Updated = store.Time(created), store.Time(updated)
	return t, errors.Join(
		json.Unmarshal([]byte(uses), &t.Uses),
		json.Unmarshal([]byte(exceptions), &t.Mutability.Except),
		json.Unmarshal([]byte(labels), &t.Labels))
}

// templateRow is a template in the order of templateColumns, with its prefix before them.
func templateRow(t Template) ([]any, error) {
	immutable, exceptions, err := mutabilityColumns(t.Mutability)
	if err != nil {
		return nil, err
	}
	uses, err := json.Marshal(t.Uses)
	if err != nil {
		return nil, err
	}
	labels, err := json.Marshal(t.Labels)
	return []any{
		prefixKey(t.Prefix), t.Account, t.Prefix, t.Description, string(uses), immutable, exceptions, string(labels),
		t.Policy, t.Lifecycle, t.Role, t.KeyID, store.Micros(t.Created), store.Micros(t.Updated),
	}, err
}

func insertTemplate(tx *store.Tx, t Template) error {
	row, err := templateRow(t)
	if err != nil {
		return err
	}
	made, err := tx.Exec(`insert into registry_templates (prefix, `+templateColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict (account, prefix) do nothing`, row...)
	if err == nil && made == 0 {
		err = &Error{Cause: ErrTemplateExists, Account: t.Account, Name: t.Prefix}
	}
	return err
}

func updateTemplate(tx *store.Tx, t Template) error {
	row, err := templateRow(t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`update registry_templates set shown = $3, description = $4, uses = $5, immutable = $6, exceptions = $7, labels = $8,
		policy = $9, lifecycle = $10, role = $11, customer_key = $12, created = $13, updated = $14 where prefix = $1 and account = $2`, row...)
	return err
}

func findTemplate(tx *store.Tx, account, prefix string) (Template, error) {
	t, err := scanTemplate(tx.Row(`select `+templateColumns+` from registry_templates where account = $1 and prefix = $2`,
		account, prefixKey(prefix)).Scan)
	if errors.Is(err, store.ErrNoRows) {
		return Template{}, &Error{Cause: ErrNoTemplate, Account: account, Name: prefix}
	}
	return t, err
}

func listTemplates(tx *store.Tx, account, after string, limit int) (found []Template, err error) {
	err = tx.Each(`select `+templateColumns+` from registry_templates where account = $1 and prefix > $2 order by prefix limit $3`,
		[]any{account, after, limit}, func(rows *sql.Rows) error {
			t, err := scanTemplate(rows.Scan)
			found = append(found, t)
			return err
		})
	return found, err
}

// findTemplates finds those that have one of the prefixes, by prefix.
func findTemplates(tx *store.Tx, account string, prefixes []string) (map[string]Template, error) {
	found := map[string]Template{}
	err := tx.Each(`select `+templateColumns+` from registry_templates where account = $1 and prefix in `+store.In(2, len(prefixes)),
		accountAnd(account, prefixes), func(rows *sql.Rows) error {
			t, err := scanTemplate(rows.Scan)
			found[prefixKey(t.Prefix)] = t
			return err
		})
	return found, err
}

// accountAnd are the arguments of a query about an account and some texts.
func accountAnd(account string, texts []string) []any {
	args := []any{account}
	for _, text := range texts {
		args = append(args, text)
	}
	return args
}

func countTemplates(tx *store.Tx, account string) error {
	var n int
	err := tx.Row(`select count(*) from registry_templates where account = $1`, account).Scan(&n)
	if err == nil && n > maxTemplates {
		err = fmt.Errorf("%w: at most %d", ErrTooManyTemplates, maxTemplates)
	}
	return err
}
