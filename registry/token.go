package registry

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/internal/ids"
	"slipway/seal"
	"slipway/store"
)

// TokenLife is how long a login token is good for.
const TokenLife = 12 * time.Hour

// LinkParameter is the query parameter that carries the token in a link to a blob: one door gives such
// links out, another is where they lead.
const LinkParameter = "token"

// Action is what a token may be used for.
type Action string

// The actions.
const (
	ActionPull   Action = "pull"
	ActionPush   Action = "push"
	ActionDelete Action = "delete"
)

// Scope narrows a token. Whatever it allows, its principal must be allowed as well.
type Scope struct {
	Account      string   `json:"o,omitempty"` // whose repositories; "": anybody's, or the login's own where some are named
	Repositories []string `json:"r,omitempty"` // none: all
	Actions      []Action `json:"a,omitempty"` // none: all
}

// Login is what a token says, and its key proves.
type Login struct {
	Account   string    `json:"acc"`
	Principal string    `json:"sub"` // an ARN
	UserID    string    `json:"uid,omitempty"`
	Key       string    `json:"key,omitempty"` // id of the access key that it was made with, whose end is its own; "": none
	Region    string    `json:"reg"`
	Scope     Scope     `json:"scp"`
	Expires   time.Time `json:"exp"`
}

// Registry is the account whose repositories are meant where a request does not say.
func (l Login) Registry() string { return cmp.Or(l.Scope.Account, l.Account) }

// Allows reports whether the login's scope holds the action on a repository of the given account.
func (l Login) Allows(a Action, account, repository string) bool {
	s := l.Scope
	return (s.Account == "" || s.Account == account) &&
		(len(s.Repositories) == 0 || account == l.Registry() && slices.Contains(s.Repositories, repository)) &&
		(len(s.Actions) == 0 || slices.Contains(s.Actions, a))
}

// Token makes a login token for whom the login names. Its region is the registry's; without an expiry it
// is good for TokenLife, and never for longer.
func (c *Control) Token(l Login) (token string, expires time.Time, err error) {
	l.Region = c.region
	last := time.Now().Add(TokenLife).UTC().Truncate(time.Second)
	if l.Expires.IsZero() || l.Expires.After(last) {
		l.Expires = last
	}
	said, err := json.Marshal(l)
	if err != nil {
		return "", time.Time{}, err
	}
	return c.keys.sign(said), l.Expires, nil
}

// Verify returns what an authentic token says. It returns ErrToken, or ErrTokenExpired.
func (c *Control) Verify(token string) (Login, error) {
	said, err := c.keys.open(token)
	if err != nil {
		return Login{}, err
	}
	var l Login
	if err := json.Unmarshal(said, &l); err != nil {
		return Login{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if l.Region != c.region {
		return Login{}, fmt.Errorf("%w: it is for region %s, this is %s", ErrToken, l.Region, c.region)
	}
	if !time.Now().Before(l.Expires) {
		return Login{}, fmt.Errorf("%w: at %s", ErrTokenExpired, l.Expires.Format(time.RFC3339))
	}
	return l, nil
}

// keyring holds the keys of login tokens: the newest signs, all verify.
type keyring struct {
	newest string
	secret map[string][]byte
}

// A token is version.key.payload.mac, the last two in base64.
const tokenVersion = "slipway1"

func (k keyring) sign(said []byte) string {
	body := tokenVersion + "." + k.newest + "." + base64.RawURLEncoding.EncodeToString(said)
	return body + "." + base64.RawURLEncoding.EncodeToString(mac(k.secret[k.newest], body))
}

func (k keyring) open(token string) ([]byte, error) {
	f := strings.Split(token, ".")
	if len(f) != 4 || f[0] != tokenVersion {
		return nil, fmt.Errorf("%w: not of its form", ErrToken)
	}
	secret, known := k.secret[f[1]]
	if !known {
		return nil, fmt.Errorf("%w: its key %q is not one of ours", ErrToken, f[1])
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(f[3])
	if err != nil || !hmac.Equal(sum, mac(secret, strings.Join(f[:3], "."))) {
		return nil, fmt.Errorf("%w: it was altered", ErrToken)
	}
	return base64.RawURLEncoding.DecodeString(f[2])
}

func mac(secret []byte, body string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(body))
	return h.Sum(nil)
}

// loadKeys reads the keys, and makes the first. Those that are plain yet it seals.
func loadKeys(ctx context.Context, db *store.DB, keys *seal.Keys) (keyring, error) {
	column, err := keys.Column(ctx, "registry_keys", "id", "sealed")
	if err != nil {
		return keyring{}, err
	}
	fresh := keyRow{id: ids.Hex(4), plain: make([]byte, sha256.Size)}
	rand.Read(fresh.plain)
	var rows []keyRow
	err = db.Update(ctx, func(tx *store.Tx) error {
		if rows, err = readKeys(tx); err != nil {
			return err
		}
		if len(rows) == 0 {
			rows = []keyRow{fresh}
			if err := insertKey(tx, fresh.id); err != nil {
				return err
			}
		}
		return sealKeys(tx, column, rows)
	})
	if err != nil {
		return keyring{}, err
	}
	k := keyring{secret: map[string][]byte{}}
	for _, row := range rows {
		k.newest = row.id
		if k.secret[row.id], err = column.Open(ctx, row.sealed, row.id); err != nil {
			return keyring{}, err
		}
	}
	return k, nil
}

// keyRow is a key as the table has it: sealed, or plain as older versions left it.
type keyRow struct {
	id            string
	plain, sealed []byte
}

// sealKeys seals those of the keys that are plain, and leaves nothing plain behind.
func sealKeys(tx *store.Tx, column *seal.Column, rows []keyRow) (err error) {
	for i, row := range rows {
		if len(row.plain) == 0 {
			continue
		}
		if rows[i].sealed, err = column.Seal(tx, row.plain, row.id); err != nil {
			return err
		}
		if _, err := tx.Exec(`update registry_keys set sealed = $1, secret = '' where id = $2`, rows[i].sealed, row.id); err != nil {
			return err
		}
	}
	return nil
}

func insertKey(tx *store.Tx, id string) error {
	_, err := tx.Exec(`insert into registry_keys (id, secret, created) values ($1, '', $2)`, id, store.Micros(tx.Now))
	return err
}

// readKeys lists the keys, the newest last.
func readKeys(tx *store.Tx) (all []keyRow, err error) {
	err = tx.Each(`select id, secret, sealed from registry_keys order by created, id`, nil, func(rows *sql.Rows) error {
		var k keyRow
		err := rows.Scan(&k.id, &k.plain, &k.sealed)
		all = append(all, k)
		return err
	})
	return all, err
}
