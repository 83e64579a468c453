// Package lease has one server at a time do what only one may: who has the lease of a name has it until it runs out or is
// given back.
//
// It keeps no time of its own. Whoever acts by a lease stops by itself before it runs out; clocks of servers over one
// database have to be in step.
package lease

import (
	"time"

	"slipway/store"
)

// Table is a table of leases: name text primary key, owner text, until bigint. Other columns are its room's.
type Table string

// Take gives the lease of a name to an owner from now on, who may have it already, and reports false where another has it.
func (t Table) Take(tx *store.Tx, name, owner string, life time.Duration) (bool, error) {
	n, err := tx.Exec(`insert into `+string(t)+` (name, owner, until) values ($1, $2, $3)
		on conflict (name) do update set owner = excluded.owner, until = excluded.until
		where `+string(t)+`.owner = excluded.owner or `+string(t)+`.until < $4`,
		name, owner, store.Micros(tx.Now.Add(life)), store.Micros(tx.Now))
	return n > 0, err
}

// Keep makes all leases of an owner longer, those that have run out and that nobody has taken since included.
func (t Table) Keep(tx *store.Tx, owner string, life time.Duration) error {
	_, err := tx.Exec(`update `+string(t)+` set until = $2 where owner = $1`, owner, store.Micros(tx.Now.Add(life)))
	return err
}

// Drop gives a lease back, if it is the owner's.
func (t Table) Drop(tx *store.Tx, name, owner string) error {
	_, err := tx.Exec(`delete from `+string(t)+` where name = $1 and owner = $2`, name, owner)
	return err
}

// DropAll gives all leases of an owner back.
func (t Table) DropAll(tx *store.Tx, owner string) error {
	_, err := tx.Exec(`delete from `+string(t)+` where owner = $1`, owner)
	return err
}
