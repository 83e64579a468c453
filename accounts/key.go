package accounts

import (
	"context"
	"fmt"

	"slipway/internal/ids"
	"slipway/store"
)

// keysTopic is touched by whatever makes a key usable or not.
const keysTopic = "accounts.keys"

// ownerRoot is the owner of a root's keys, as the table has it.
const ownerRoot = "root"

func newKey() Key { return Key{ID: "AKIA" + ids.Base32(16), Secret: ids.Secret(40)} }

// CreateKey makes an access key of an account's root. It returns ErrNoAccount.
func (c *Control) CreateKey(ctx context.Context, account string) (Key, error) {
	key := newKey()
	key.Owner = Root(account)
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := readAccount(tx, account); err != nil {
			return err
		}
		return c.insertKey(tx, key)
	})
	return key, err
}

// DeleteKey ends an access key: when it returns, no request that is signed with it is let in by
// this server, and soon by no other. It returns ErrUnknownKey if the account has no such key.
func (c *Control) DeleteKey(ctx context.Context, account, id string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		deleted, err := deleteKey(tx, account, id)
		if err == nil && !deleted {
			return fmt.Errorf("%w: %s", ErrUnknownKey, id)
		}
		tx.Touch(keysTopic)
		return err
	})
}

func (c *Control) insertKey(tx *store.Tx, key Key) error {
	sealed, err := c.secrets.Seal(tx, []byte(key.Secret), key.ID)
	if err != nil {
		return err
	}
	tx.Touch(keysTopic)
	_, err = tx.Exec(`insert into access_keys (id, account, owner, sealed, status, created) values ($1, $2, $3, $4, 'active', $5)`,
		key.ID, key.Owner.Account, ownerRoot, sealed, store.Micros(tx.Now))
	return err
}
