package accounts

import (
	"database/sql"

	"slipway/store"
)

// nextVersion counts the versions that a policy ever had.
func nextVersion(tx *store.Tx, policy string) (n int, err error) {
	err = tx.Row(`update entities set versions = versions + 1, updated = $2 where id = $1 returning versions`, policy, store.Micros(tx.Now)).Scan(&n)
	return n, err
}

// insertVersion adds a version that is not in force.
func insertVersion(tx *store.Tx, policy string, v PolicyVersion) error {
	_, err := tx.Exec(`insert into policy_versions (policy, version, document, is_default, created) values ($1, $2, $3, 0, $4)`,
		policy, v.Number, v.Document, store.Micros(v.Created))
	return err
}

func setDefault(tx *store.Tx, policy string, version int) error {
	_, err := tx.Exec(`update policy_versions set is_default = case when version = $2 then 1 else 0 end where policy = $1`, policy, version)
	return err
}

func deleteVersion(tx *store.Tx, policy string, version int) error {
	_, err := tx.Exec(`delete from policy_versions where policy = $1 and version = $2`, policy, version)
	return err
}

func deleteVersions(tx *store.Tx, policy string) error {
	_, err := tx.Exec(`delete from policy_versions where policy = $1`, policy)
	return err
}

func countVersions(tx *store.Tx, policy string) (n int, err error) {
	err = tx.Row(`select count(*) from policy_versions where policy = $1`, policy).Scan(&n)
	return n, err
}

const versionColumns = `version, document, is_default, created`

func scanVersion(row interface{ Scan(...any) error }) (v PolicyVersion, err error) {
	var isDefault, created int64
	err = row.Scan(&v.Number, &v.Document, &isDefault, &created)
	v.Default, v.Created = isDefault == 1, store.Time(created)
	return v, err
}

// readVersions returns the versions of a policy, the newest first.
func readVersions(tx *store.Tx, policy string) (all []PolicyVersion, err error) {
	err = tx.Each(`select `+versionColumns+` from policy_versions where policy = $1 order by version desc`, []any{policy}, func(r *sql.Rows) error {
		v, err := scanVersion(r)
		all = append(all, v)
		return err
	})
	return all, err
}

// readDefault returns the version of a policy that is in force.
func readDefault(tx *store.Tx, policy string) (PolicyVersion, error) {
	return scanVersion(tx.Row(`select `+versionColumns+` from policy_versions where policy = $1 and is_default = 1`, policy))
}
