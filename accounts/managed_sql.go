package accounts

import (
	"slipway/store"
)

// defaultVersion returns the version of a policy that is in force.
func defaultVersion(tx *store.Tx, policy Entity) (PolicyVersion, error) {
	return scanVersion(tx.Row(`select version, document, is_default, created from policy_versions where policy = $1 and is_default = 1`, policy.ID))
}

func scanVersion(row interface{ Scan(...any) error }) (v PolicyVersion, err error) {
	var isDefault, created int64
	err = row.Scan(&v.Number, &v.Document, &isDefault, &created)
	v.Default, v.Created = isDefault == 1, store.Time(created)
	return v, err
}
