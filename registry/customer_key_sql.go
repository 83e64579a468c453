package registry

import (
	"database/sql"

	"slipway/store"
)

const customerKeyColumns = `id, account, alias, disabled, created, deletion`

func (c *Control) scanCustomerKey(scan func(...any) error) (k CustomerKey, err error) {
	var disabled, created, deletion int64
	err = scan(&k.ID, &k.Account, &k.Alias, &disabled, &created, &deletion)
	k.ARN, k.State, k.Created, k.Deletion = c.KeyARN(k.Account, k.ID), KeyEnabled, store.Time(created), store.Time(deletion)
	switch {
	case deletion > 0:
		k.State = KeyPendingDeletion
	case disabled > 0:
		k.State = KeyDisabled
	}
	return k, err
}

func (c *Control) customerKeysOf(tx *store.Tx, where string, args ...any) (all []CustomerKey, err error) {
	err = tx.Each(`select `+customerKeyColumns+` from registry_customer_keys where `+where, args, func(rows *sql.Rows) error {
		k, err := c.scanCustomerKey(rows.Scan)
		all = append(all, k)
		return err
	})
	return all, err
}

func (c *Control) listCustomerKeys(tx *store.Tx, account string) ([]CustomerKey, error) {
	return c.customerKeysOf(tx, `account = $1 order by created, id`, account)
}

// dueKeys lists those whose wait is over.
func (c *Control) dueKeys(tx *store.Tx) ([]CustomerKey, error) {
	return c.customerKeysOf(tx, `deletion > 0 and deletion <= $1 order by id`, store.Micros(tx.Now))
}

// readCustomerKey finds a key of an account by its id or alias.
func (c *Control) readCustomerKey(tx *store.Tx, account, name string) (CustomerKey, error) {
	return c.scanCustomerKey(tx.Row(`select `+customerKeyColumns+` from registry_customer_keys where account = $1 and (id = $2 or alias = $2 and alias <> '')`,
		account, name).Scan)
}

func insertCustomerKey(tx *store.Tx, k CustomerKey, sealed []byte) error {
	made, err := tx.Exec(`insert into registry_customer_keys (`+customerKeyColumns+`, sealed) values ($1, $2, $3, 0, $4, 0, $5) on conflict do nothing`,
		k.ID, k.Account, k.Alias, store.Micros(k.Created), sealed)
	if err == nil && made == 0 {
		err = &Error{Cause: ErrKeyExists, Account: k.Account, Name: k.Alias}
	}
	return err
}

func updateCustomerKey(tx *store.Tx, k CustomerKey) error {
	disabled := 0
	if k.State == KeyDisabled {
		disabled = 1
	}
	_, err := tx.Exec(`update registry_customer_keys set disabled = $2, deletion = $3 where id = $1`, k.ID, disabled, store.Micros(k.Deletion))
	return err
}

// deleteCustomerKey deletes a key that is still to go, and reports whether it did.
func deleteCustomerKey(tx *store.Tx, k CustomerKey) (bool, error) {
	n, err := tx.Exec(`delete from registry_customer_keys where id = $1 and deletion = $2`, k.ID, store.Micros(k.Deletion))
	return n > 0, err
}

// usableKeys are the ids of all keys that can be used.
func usableKeys(tx *store.Tx) ([]string, error) {
	return texts(tx, `select id from registry_customer_keys where disabled = 0 and deletion = 0`)
}
