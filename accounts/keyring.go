package accounts

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"slipway/internal/lazyregexp"
	"slipway/store"
)

// Key is an access key: the id that a request names, the secret that it is signed with, and
// whom it speaks for.
type Key struct {
	ID     string // AKIA or ASIA, and 16 characters of A-Z and 2-7
	Secret string // 40 characters
	Owner  Principal

	token [sha256.Size]byte // of a session: the hash of its token
}

// Format prints a key by its id alone, so that no secret gets into a log.
func (k Key) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "access key %s of %s", k.ID, k.Owner.ARN) }

// TokenIs reports, in constant time, whether token belongs to the key: the session's own of
// short-lived credentials, none of a long-lived key.
func (k Key) TokenIs(token string) bool {
	if k.Owner.Session == nil {
		return token == ""
	}
	hash := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(hash[:], k.token[:]) == 1
}

// ringKeys is how many keys are remembered.
const ringKeys = 10_000

var keyPattern = lazyregexp.New(`^A[KS]IA[A-Z2-7]{16}$`)

// Key returns an access key that may be used now, with the principal that it speaks for: of root,
// of a user, or of a session, whose token is for the caller to check with TokenIs. It is meant to
// be asked on every request: what it answered is remembered until a key changes. It returns
// ErrUnknownKey or, with the key, ErrExpired.
func (c *Control) Key(ctx context.Context, id string) (Key, error) {
	if !keyPattern.MatchString(id) {
		return Key{}, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	key, err := c.keys.get(ctx, id, c.readKey)
	if s := key.Owner.Session; err == nil && s != nil && !time.Now().Before(s.Expires) {
		return key, fmt.Errorf("%w: %s, at %s", ErrExpired, id, s.Expires.Format(time.RFC3339))
	}
	return key, err
}

// ActiveRoot returns the root of an account that is active, or ErrNoAccount. What it answered is
// remembered as that of Key is.
func (c *Control) ActiveRoot(ctx context.Context, account string) (Principal, error) {
	if err := checkID(account); err != nil {
		return Principal{}, fmt.Errorf("%w: %q", ErrNoAccount, account)
	}
	key, err := c.keys.get(ctx, account, c.readRoot)
	if errors.Is(err, ErrUnknownKey) {
		return Principal{}, fmt.Errorf("%w: %s", ErrNoAccount, account)
	}
	return key.Owner, err
}

// readRoot makes a key without a secret for the root of an active account.
func (c *Control) readRoot(ctx context.Context, account string) (Key, error) {
	err := c.db.View(ctx, func(tx *store.Tx) error {
		a, err := readAccount(tx, account)
		if errors.Is(err, ErrNoAccount) || err == nil && a.State != StateActive {
			return fmt.Errorf("%w: account %s", ErrUnknownKey, account)
		}
		return err
	})
	return Key{Owner: Root(account)}, err
}

// KeyAccount returns the account that an access key belongs to, whether it may be used or not. It
// returns ErrUnknownKey.
func (c *Control) KeyAccount(ctx context.Context, id string) (account string, err error) {
	if !keyPattern.MatchString(id) {
		return "", fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		account, err = keyAccount(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNoRows) {
		err = fmt.Errorf("%w: %s", ErrUnknownKey, id)
	}
	return account, err
}

// readKey reads a usable key from the database.
func (c *Control) readKey(ctx context.Context, id string) (key Key, err error) {
	read := usableKey
	if id[1] == 'S' {
		read = usableSession
	}
	var sealed []byte
	err = c.db.View(ctx, func(tx *store.Tx) (err error) {
		key, sealed, err = read(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNoRows) {
		return Key{}, fmt.Errorf("%w: %s", ErrUnknownKey, id)
	}
	if err != nil {
		return Key{}, err
	}
	column := c.secrets
	if key.Owner.Session != nil {
		column = c.sessionSecrets
	}
	secret, err := column.Open(ctx, sealed, id)
	key.Secret = string(secret)
	return key, err
}
