package accounts

import "slipway/store"

func insertProfileRole(tx *store.Tx, profile, role string) (inserted bool, err error) {
	n, err := tx.Exec(`insert into profile_roles (profile, role) values ($1, $2) on conflict (profile) do nothing`, profile, role)
	return n > 0, err
}

func deleteProfileRole(tx *store.Tx, profile, role string) (deleted bool, err error) {
	n, err := tx.Exec(`delete from profile_roles where profile = $1 and role = $2`, profile, role)
	return n > 0, err
}

func readProfileRoles(tx *store.Tx, profile string) ([]Entity, error) {
	return readEntities(tx, `select `+entityColumns+` from profile_roles p join entities e on e.id = p.role where p.profile = $1`, profile)
}

// readProfilesOf returns at most limit profiles that a role is in by name, those after a folded name.
func readProfilesOf(tx *store.Tx, role, after string, limit int) ([]Entity, error) {
	return readEntities(tx, `select `+entityColumns+` from profile_roles p join entities e on e.id = p.profile
		where p.role = $1 and e.folded > $2 order by e.folded limit $3`, role, after, limit)
}
