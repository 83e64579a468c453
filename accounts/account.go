package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/internal/ids"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// Account is a tenant: everything in Slipway belongs to one.
type Account struct {
	ID         string // twelve digits
	Name       string
	Email      string // of whoever answers for it; no two accounts have the same; "" of the first
	State      string // StateActive, StateClosed or StateGone
	Management bool   // it is the one that this installation was made for
	Created    time.Time
	Closed     time.Time // zero while it is active
}

// The states of an account. Only those of an active one may do anything.
const (
	StateActive = "active"
	StateClosed = "closed" // everything is there still, for a while
	StateGone   = "gone"   // a record: its users, roles and policies are deleted
)

// Bootstrap makes the account that this installation is for, with an access key of its root, and
// returns that key: at the first start a new one, at later ones the oldest that is active. The
// empty id is whichever account the data was made for, or a random one. It returns
// ErrOtherAccount when the data was made for another account.
func (c *Control) Bootstrap(ctx context.Context, id string) (Key, error) {
	if err := checkID(id); id != "" && err != nil {
		return Key{}, err
	}
	fresh := newKey()
	random := ids.Digits(12)
	var root Key
	var sealed []byte
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		account, err := bootAccount(tx, id, random)
		if err != nil {
			return err
		}
		root, sealed, err = c.rootKey(tx, account, fresh)
		return err
	})
	if err != nil {
		return root, err
	}
	c.organization.Store(newOrganization(root.Owner.Account))
	if sealed == nil {
		return root, nil
	}
	secret, err := c.secrets.Open(ctx, sealed, root.ID)
	root.Secret = string(secret)
	return root, err
}

// bootAccount returns the management account, and makes it if there is none.
func bootAccount(tx *store.Tx, id, random string) (string, error) {
	have, err := managementAccount(tx)
	switch {
	case errors.Is(err, store.ErrNoRows):
		if id == "" {
			id = random
		}
		return id, insertAccount(tx, Account{ID: id, Name: "root"}, true)
	case err != nil:
		return "", err
	case id != "" && id != have:
		return "", fmt.Errorf("%w: it was made for account %s, not for %s", ErrOtherAccount, have, id)
	}
	return have, nil
}

// rootKey returns the oldest active key of an account's root, its secret sealed; fresh becomes it
// if there is none.
func (c *Control) rootKey(tx *store.Tx, account string, fresh Key) (key Key, sealed []byte, err error) {
	id, sealed, err := oldestKey(tx, account, ownerRoot)
	if errors.Is(err, store.ErrNoRows) {
		fresh.Owner = Root(account)
		return fresh, nil, c.insertKey(tx, fresh)
	}
	return Key{ID: id, Owner: Root(account)}, sealed, err
}

// CreateAccount makes an account with a random id. Nobody can act in it until it has a key.
func (c *Control) CreateAccount(ctx context.Context, name string) (Account, error) {
	a := Account{ID: ids.Digits(12), Name: name, State: StateActive}
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		a.Created = tx.Now
		return insertAccount(tx, a, false)
	})
	return a, err
}

// Account returns an account, or ErrNoAccount.
func (c *Control) Account(ctx context.Context, id string) (a Account, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		a, err = readAccount(tx, id)
		return err
	})
	return a, err
}

var idPattern = lazyregexp.New(`^[0-9]{12}$`)

func checkID(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("%w, not %q", ErrAccountID, id)
	}
	return nil
}
