package accounts

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"slipway/internal/ids"
	"slipway/store"
)

// Key is an access key: the id that a request names, the secret that it is signed with, and
// whom it speaks for.
type Key struct {
	ID     string // AKIA and 16 characters of A-Z and 2-7
	Secret string // 40 characters
	Owner  Principal
}

// keysTopic is touched by whatever makes a key usable or not.
const keysTopic = "accounts.keys"

// ownerRoot is the owner of a root's keys, as the table has it.
const ownerRoot = "root"

var keyPattern = regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`)

func newKey() Key { return Key{ID: "AKIA" + ids.Base32(16), Secret: ids.Secret(40)} }

// Key returns an access key that may be used now, or ErrUnknownKey. It is meant to be asked on
// every request: what it answered is remembered until a key changes.
func (c *Control) Key(ctx context.Context, id string) (Key, error) {
	if !keyPattern.MatchString(id) {
		return Key{}, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	return c.keys.get(ctx, id)
}

// readKey reads a usable key from the database.
func (c *Control) readKey(ctx context.Context, id string) (Key, error) {
	var account string
	var sealed []byte
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		account, sealed, err = usableKey(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNoRows) {
		return Key{}, fmt.Errorf("%w: %s", ErrUnknownKey, id)
	}
	if err != nil {
		return Key{}, err
	}
	secret, err := c.secrets.Open(ctx, sealed, id)
	return Key{ID: id, Secret: string(secret), Owner: Root(account)}, err
}

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
