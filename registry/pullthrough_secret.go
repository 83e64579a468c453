package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"slipway/internal/arn"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// UpstreamSecret is how to log in to another registry.
// Source: Amazon ECR User Guide, "Storing your upstream repository credentials".
type UpstreamSecret struct {
	Username    string `json:"username"`
	AccessToken string `json:"accessToken"` // or password
}

// Format satisfies fmt.Formatter: no verb shows the token.
func (s UpstreamSecret) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "login of %q", s.Username) }

const (
	secretPrefix  = "ecr-pullthroughcache/"
	maxSecretPart = 8 << 10 // bytes
)

var secretForm = lazyregexp.New(`^ecr-pullthroughcache/[A-Za-z0-9/_+=.@-]{1,256}$`)

// SecretARN is what a secret of an account is called in rules.
func (c *Control) SecretARN(account, name string) string {
	return arn.ARN{Service: "secretsmanager", Region: c.region, Account: account, Resource: "secret:" + name}.String()
}

// SetUpstreamSecret keeps a login, sealed, in place of what the account had by that name. It returns
// ErrSecret.
func (c *Control) SetUpstreamSecret(ctx context.Context, account, name string, s UpstreamSecret) error {
	switch {
	case !secretForm.MatchString(name):
		return fmt.Errorf("%w: it is called %q, want %s and then letters, digits and /_+=.@-", ErrSecret, name, secretPrefix)
	case s.Username == "" || s.AccessToken == "":
		return fmt.Errorf("%w: it needs a user name and an access token", ErrSecret)
	case len(s.Username) > maxSecretPart || len(s.AccessToken) > maxSecretPart:
		return fmt.Errorf("%w: neither part may have more than %d bytes", ErrSecret, maxSecretPart)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	defer clear(text)
	id := account + "/" + name
	return c.db.Update(ctx, func(tx *store.Tx) error {
		sealed, err := c.secrets.Seal(tx, text, id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`insert into registry_upstream_secrets (id, sealed, created) values ($1, $2, $3)
			on conflict (id) do update set sealed = excluded.sealed, created = excluded.created`, id, sealed, store.Micros(tx.Now))
		return err
	})
}

// DeleteUpstreamSecret forgets a login. Rules that name it fail from now on. It returns ErrNoSecret.
func (c *Control) DeleteUpstreamSecret(ctx context.Context, account, name string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`delete from registry_upstream_secrets where id = $1`, account+"/"+name)
		if err == nil && n == 0 {
			err = &Error{Cause: ErrNoSecret, Account: account, Name: name}
		}
		return err
	})
}

// UpstreamSecrets lists the names of an account's logins.
func (c *Control) UpstreamSecrets(ctx context.Context, account string) (names []string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		names, err = texts(tx, `select id from registry_upstream_secrets where id like $1 order by id`, account+"/%")
		return err
	})
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], account+"/")
	}
	return names, err
}

// secretID is the row of the secret that a rule names. A rule can name those of its own account alone.
func (c *Control) secretID(u Upstream) (string, error) {
	a, err := arn.Parse(u.Credential)
	name, ok := strings.CutPrefix(a.Resource, "secret:")
	if err != nil || !ok || a.Service != "secretsmanager" || a.Region != c.region || a.Account != u.Account {
		return "", c.noSecret(u)
	}
	return u.Account + "/" + name, nil
}

func (c *Control) noSecret(u Upstream) error {
	return &Error{Cause: ErrNoSecret, Account: u.Account, Name: u.Credential}
}

// checkSecret makes sure that the secret of a rule is there.
func (c *Control) checkSecret(tx *store.Tx, u Upstream) error {
	if u.Credential == "" {
		return nil
	}
	_, _, err := c.readSecret(tx, u)
	return err
}

// readSecret returns the row's id and what is sealed in it.
func (c *Control) readSecret(tx *store.Tx, u Upstream) (id string, sealed []byte, err error) {
	if id, err = c.secretID(u); err != nil {
		return "", nil, err
	}
	err = tx.Row(`select sealed from registry_upstream_secrets where id = $1`, id).Scan(&sealed)
	if errors.Is(err, store.ErrNoRows) {
		err = c.noSecret(u)
	}
	return id, sealed, err
}

// upstreamSecret opens the secret of a rule, empty where it has none. The version is another one when the
// secret is.
func (c *Control) upstreamSecret(ctx context.Context, u Upstream) (s UpstreamSecret, version string, err error) {
	if u.Credential == "" {
		return s, "", nil
	}
	var id string
	var sealed []byte
	err = c.db.View(ctx, func(tx *store.Tx) error {
		id, sealed, err = c.readSecret(tx, u)
		return err
	})
	if err != nil {
		return s, "", err
	}
	text, err := c.secrets.Open(ctx, sealed, id)
	if err != nil {
		return s, "", err
	}
	defer clear(text)
	return s, string(sealed), json.Unmarshal(text, &s)
}
