package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"slipway/blob/sealed"
	"slipway/events"
	"slipway/internal/arn"
	"slipway/internal/ids"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// CustomerKey is a key of an account's own. What is pushed into repositories that were made with it is kept
// sealed with it, apart from everybody else's bytes, and can be read while the key is enabled.
// Source: AWS Key Management Service API Reference, KeyMetadata.
type CustomerKey struct {
	ID       string    `json:"id"` // a UUID
	Account  string    `json:"account"`
	ARN      string    `json:"arn"`
	Alias    string    `json:"alias,omitempty"` // "alias/..."
	State    KeyState  `json:"state"`
	Created  time.Time `json:"created"`
	Deletion time.Time `json:"deletion,omitzero"` // when it goes for good; zero: it does not
}

// KeyState says whether a key can be used.
type KeyState string

// The states.
const (
	KeyEnabled         KeyState = "Enabled"
	KeyDisabled        KeyState = "Disabled"
	KeyPendingDeletion KeyState = "PendingDeletion"
)

// DefaultKeyAlias is the alias of the key that an account gets for repositories which are to be encrypted
// without any key being named.
const DefaultKeyAlias = aliasPrefix + "aws/ecr"

const aliasPrefix = "alias/"

// Days that a key waits before it goes.
// Source: AWS Key Management Service API Reference, ScheduleKeyDeletion.
const (
	MinKeyWait     = 7 * 24 * time.Hour
	DefaultKeyWait = 30 * 24 * time.Hour
)

var aliasForm = lazyregexp.New(`^alias/[a-zA-Z0-9/_-]{1,250}$`)

// KeyARN is what a key of an account is called, whether it is there or not.
func (c *Control) KeyARN(account, id string) string {
	return arn.ARN{Service: "kms", Region: c.region, Account: account, Resource: "key/" + id}.String()
}

// CreateCustomerKey makes a key. An alias, with or without "alias/" before it, is another name for it; ""
// is none. It returns ErrKeyAlias or ErrKeyExists.
func (c *Control) CreateCustomerKey(ctx context.Context, account, alias string) (made CustomerKey, err error) {
	if alias != "" {
		alias = aliasPrefix + strings.TrimPrefix(alias, aliasPrefix)
		if !aliasForm.MatchString(alias) || strings.HasPrefix(alias, aliasPrefix+"aws/") {
			return CustomerKey{}, fmt.Errorf("%w: %q, want letters, digits and /_- that do not begin with aws/", ErrKeyAlias, alias)
		}
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		made, err = c.makeKey(tx, account, alias)
		return err
	})
	return made, err
}

// makeKey makes a key in a transaction, under an alias that is good.
func (c *Control) makeKey(tx *store.Tx, account, alias string) (CustomerKey, error) {
	made := CustomerKey{ID: ids.UUID(), Account: account, Alias: alias, State: KeyEnabled, Created: tx.Now}
	made.ARN = c.KeyARN(account, made.ID)
	raw := sealed.RandomKey()
	defer clear(raw)
	kept, err := c.customerKeys.Seal(tx, raw, made.ID)
	if err != nil {
		return CustomerKey{}, err
	}
	if err := insertCustomerKey(tx, made, kept); err != nil {
		return CustomerKey{}, err
	}
	return made, c.tellKey(tx, "key.created", made)
}

type keyEvent struct {
	Alias    string    `json:"alias,omitempty"`
	Deletion time.Time `json:"deletion,omitzero"`
}

func (c *Control) tellKey(tx *store.Tx, kind string, k CustomerKey) error {
	return events.Append(tx, k.Account, kind, k.ARN, keyEvent{k.Alias, k.Deletion})
}

// CustomerKeys lists the keys of an account, the oldest first.
func (c *Control) CustomerKeys(ctx context.Context, account string) (all []CustomerKey, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		all, err = c.listCustomerKeys(tx, account)
		return err
	})
	return all, err
}

// DisableCustomerKey has nothing be read or written with a key from now on. What is being read goes on to its
// end. A key is named by its id, its ARN or an alias. It returns ErrNoKey, also for a key of another
// account, or ErrKeyPending.
func (c *Control) DisableCustomerKey(ctx context.Context, account, name string) (CustomerKey, error) {
	k, err := c.changeKey(ctx, account, name, "key.disabled", func(k *CustomerKey, _ time.Time) error {
		if k.State == KeyPendingDeletion {
			return c.keyError(*k)
		}
		k.State = KeyDisabled
		return nil
	})
	c.vaults.close(k.ID)
	return k, err
}

// EnableCustomerKey lets a key be used again that was disabled, or that is pending deletion and then stays.
// It returns ErrNoKey.
func (c *Control) EnableCustomerKey(ctx context.Context, account, name string) (CustomerKey, error) {
	return c.changeKey(ctx, account, name, "key.enabled", func(k *CustomerKey, _ time.Time) error {
		k.State, k.Deletion = KeyEnabled, time.Time{}
		return nil
	})
}

// DeleteCustomerKey has nothing be read or written with a key from now on, and has it go for good, with all
// that it sealed, after a wait of MinKeyWait to DefaultKeyWait. It returns ErrNoKey, ErrKeyWait, or
// ErrKeyPending.
func (c *Control) DeleteCustomerKey(ctx context.Context, account, name string, wait time.Duration) (CustomerKey, error) {
	if wait < MinKeyWait || wait > DefaultKeyWait {
		return CustomerKey{}, fmt.Errorf("%w: %v, want %v to %v", ErrKeyWait, wait, MinKeyWait, DefaultKeyWait)
	}
	k, err := c.changeKey(ctx, account, name, "key.deletion.scheduled", func(k *CustomerKey, now time.Time) error {
		if k.State == KeyPendingDeletion {
			return c.keyError(*k)
		}
		k.State, k.Deletion = KeyPendingDeletion, now.Add(wait)
		return nil
	})
	c.vaults.close(k.ID)
	return k, err
}

// changeKey writes down and tells what change makes of a key, if that is something else.
func (c *Control) changeKey(ctx context.Context, account, name, kind string, change func(*CustomerKey, time.Time) error) (k CustomerKey, err error) {
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if k, err = c.findKey(tx, account, name); err != nil {
			return err
		}
		was := k
		if err := change(&k, tx.Now); err != nil || k == was {
			return err
		}
		if err := updateCustomerKey(tx, k); err != nil {
			return err
		}
		return c.tellKey(tx, kind, k)
	})
	return k, err
}

// findKey finds a key of an account by its id, its ARN, its alias, or the ARN of that. It returns ErrNoKey,
// also for a key of another account or another region.
func (c *Control) findKey(tx *store.Tx, account, name string) (CustomerKey, error) {
	id, missing := name, &Error{Cause: ErrNoKey, Account: account, Name: name}
	switch {
	case strings.HasPrefix(name, aliasPrefix):
		missing.Name = arn.ARN{Service: "kms", Region: c.region, Account: account, Resource: name}.String()
	case !arn.Is(name):
		missing.Name = c.KeyARN(account, name)
	default:
		a, err := arn.Parse(name)
		if err != nil || a.Service != "kms" || a.Account != account || a.Region != c.region {
			return CustomerKey{}, missing
		}
		if id = a.Resource; !strings.HasPrefix(id, aliasPrefix) {
			id = strings.TrimPrefix(id, "key/")
		}
	}
	k, err := c.readCustomerKey(tx, account, id)
	if errors.Is(err, store.ErrNoRows) {
		return CustomerKey{}, missing
	}
	return k, err
}

// usableKey is findKey for a key that may be used, or ErrKeyDisabled or ErrKeyPending. That of no name is the
// account's default key, which is made when it is first asked for.
func (c *Control) usableKey(tx *store.Tx, account, name string) (CustomerKey, error) {
	k, err := c.findKey(tx, account, name)
	if name == "" {
		k, err = c.findKey(tx, account, DefaultKeyAlias)
		if errors.Is(err, ErrNoKey) {
			return c.makeKey(tx, account, DefaultKeyAlias)
		}
	}
	if err == nil {
		err = c.keyError(k)
	}
	return k, err
}

// keyError is why a key cannot be used, or nil.
func (c *Control) keyError(k CustomerKey) error {
	e := &Error{Account: k.Account, Name: k.ARN}
	switch k.State {
	case KeyDisabled:
		e.Cause = ErrKeyDisabled
	case KeyPendingDeletion:
		e.Cause = ErrKeyPending
	default:
		return nil
	}
	return e
}

// checkKey makes sure that the repository's key, if it has one, can be used at this moment. It returns
// ErrKeyDisabled, ErrKeyPending or ErrNoKey.
func (c *Control) checkKey(tx *store.Tx, repo Repository) error {
	if repo.KeyID == "" {
		return nil
	}
	err := c.checkKeyID(tx, repo.KeyID)
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Cause: e.Cause, Account: repo.Account, Repository: repo.Name, Name: c.KeyARN(repo.Account, repo.KeyID)}
	}
	return err
}

// checkKeyID is checkKey for the key of an id.
func (c *Control) checkKeyID(tx *store.Tx, id string) error {
	k, err := c.scanCustomerKey(tx.Row(`select `+customerKeyColumns+` from registry_customer_keys where id = $1`, id).Scan)
	if noRows(err) {
		return &Error{Cause: ErrNoKey, Name: id}
	}
	if err != nil {
		return err
	}
	return c.keyError(k)
}

// isKeyError reports whether the error is one of checkKey's.
func isKeyError(err error) bool {
	return errors.Is(err, ErrKeyDisabled) || errors.Is(err, ErrKeyPending) || errors.Is(err, ErrNoKey)
}

// keyPause is how often it is looked whether a key is to go.
const keyPause = time.Minute

// deleteKeys takes the keys away whose wait is over, and forgets those that cannot be used now.
func (c *Control) deleteKeys(ctx context.Context) error {
	var due []CustomerKey
	err := c.db.View(ctx, func(tx *store.Tx) (err error) {
		due, err = c.dueKeys(tx)
		return err
	})
	for _, k := range due {
		if err == nil {
			err = c.deleteKey(ctx, k)
		}
	}
	if err != nil {
		return err
	}
	return c.closeVaults(ctx)
}

// deleteKey deletes a key for good, unless it was enabled meanwhile.
func (c *Control) deleteKey(ctx context.Context, k CustomerKey) error {
	gone := false
	err := c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if gone, err = deleteCustomerKey(tx, k); err != nil || !gone {
			return err
		}
		return c.tellKey(tx, "key.deleted", k)
	})
	if gone && err == nil {
		slog.InfoContext(ctx, "the wait of a customer key is over: what it sealed cannot be read again", "key", k.ARN)
	}
	return err
}
