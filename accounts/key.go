package accounts

import (
	"context"
	"fmt"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// keysTopic is touched by whatever makes a key usable or not.
const keysTopic = "accounts.keys"

// ownerRoot is the owner of a root's keys, as the table has it; the owner of others is a user's id.
const ownerRoot = "root"

// keysPerUser is how many access keys a user has at most, and root as well.
// Source: IAM User Guide, "IAM and AWS STS quotas".
const keysPerUser = 2

func newKey() Key { return Key{ID: "AKIA" + ids.Base32(16), Secret: ids.Secret(40)} }

// KeyInfo is what is shown of an access key once it has been made.
type KeyInfo struct {
	ID      string
	User    string // whose it is; "" for root's
	Active  bool
	Created time.Time

	Used    time.Time // last, to the minute; zero: never
	Service string    // the signing name of the service that it was used for last
	Region  string    // where
}

// CreateKey makes an access key of an account's root. It returns ErrNoAccount, or ErrQuota when
// root has two.
func (c *Control) CreateKey(ctx context.Context, account string) (Key, error) {
	key, _, err := c.CreateUserKey(ctx, account, "")
	return key, err
}

// CreateUserKey makes an access key of a user, or of root for the user "". Its secret is told now
// and never again. It returns ErrNoAccount, ErrNoEntity, or ErrQuota when there are two already.
func (c *Control) CreateUserKey(ctx context.Context, account, user string) (Key, KeyInfo, error) {
	key := newKey()
	info := KeyInfo{ID: key.ID, Active: true}
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if _, err := readAccount(tx, account); err != nil {
			return err
		}
		if key.Owner, info.User, err = keyOwner(tx, account, user); err != nil {
			return err
		}
		info.Created = tx.Now
		if err := c.insertKey(tx, key); err != nil {
			return err
		}
		n, err := countKeys(tx, account, ownerColumn(key.Owner))
		if err == nil && n > keysPerUser {
			return overQuota("AccessKeysPerUser", keysPerUser)
		}
		return err
	})
	if err != nil {
		return Key{}, KeyInfo{}, err
	}
	return key, info, nil
}

// Keys lists the access keys of a user, or of root for the user "", and the marker of the next
// page if there is one. It returns ErrNoEntity.
func (c *Control) Keys(ctx context.Context, account, user string, p Page) (keys []KeyInfo, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		owner, _, err := keyOwner(tx, account, user)
		if err != nil {
			return err
		}
		keys, next, err = page("keys of "+owner.ARN, p, func(after string, limit int) ([]KeyInfo, error) {
			return readKeys(tx, account, ownerColumn(owner), after, limit)
		}, func(k KeyInfo) string { return k.ID })
		return err
	})
	return keys, next, err
}

// KeyInfo returns an access key of the account, or ErrNoEntity.
func (c *Control) KeyInfo(ctx context.Context, account, id string) (info KeyInfo, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		info, err = readKeyInfo(tx, account, id)
		return err
	})
	return info, err
}

// SwitchKey makes an access key usable, or not. It returns ErrNoEntity for a key that is not the user's.
func (c *Control) SwitchKey(ctx context.Context, account, user, id string, active bool) error {
	return c.withKey(ctx, account, user, id, func(tx *store.Tx) error { return updateKeyStatus(tx, account, id, active) })
}

// DeleteUserKey is DeleteKey for a key that must be the user's, or root's for the user "". It
// returns ErrNoEntity.
func (c *Control) DeleteUserKey(ctx context.Context, account, user, id string) error {
	return c.withKey(ctx, account, user, id, func(tx *store.Tx) error {
		_, err := deleteKey(tx, account, id)
		return err
	})
}

// withKey changes a key that is to be a user's.
func (c *Control) withKey(ctx context.Context, account, user, id string, do func(*store.Tx) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, name, err := keyOwner(tx, account, user)
		if err != nil {
			return err
		}
		info, err := readKeyInfo(tx, account, id)
		if err != nil {
			return err
		}
		if info.User != name {
			return noKey(id)
		}
		tx.Touch(keysTopic)
		return do(tx)
	})
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

// keyOwner is a user by its name, or root for the name "", and the name as the user has it.
func keyOwner(tx *store.Tx, account, user string) (Principal, string, error) {
	if user == "" {
		return Root(account), "", nil
	}
	e, err := readEntity(tx, account, KindUser, user)
	return userPrincipal(account, e.ID, e.Path, e.Name), e.Name, err
}

// ownerColumn is the owner of keys as the table has it.
func ownerColumn(p Principal) string {
	if p.Type == TypeRoot {
		return ownerRoot
	}
	return p.Entity
}

func noKey(id string) error {
	return errs.Say(ErrNoEntity, "The Access Key with id %s cannot be found.", id)
}

func (c *Control) insertKey(tx *store.Tx, key Key) error {
	sealed, err := c.secrets.Seal(tx, []byte(key.Secret), key.ID)
	if err != nil {
		return err
	}
	tx.Touch(keysTopic)
	_, err = tx.Exec(`insert into access_keys (id, account, owner, sealed, status, created) values ($1, $2, $3, $4, 'active', $5)`,
		key.ID, key.Owner.Account, ownerColumn(key.Owner), sealed, store.Micros(tx.Now))
	return err
}
