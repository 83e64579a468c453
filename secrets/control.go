// Package secrets is the room of what containers are told at their start and nobody else may read:
// the parameters and secrets of an account, their versions, and who else may read a secret.
//
// All values lie sealed in the database. The room knows no wire and decides nothing about callers; it
// keeps the policies of secrets as they were given, for who decides.
package secrets

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"time"

	"slipway/internal/loop"
	"slipway/seal"
	"slipway/store"
)

//go:embed schema
var schema embed.FS

// Control is the room. It is safe for use by many goroutines.
type Control struct {
	db          *store.DB
	region      string
	parameters  *seal.Column
	secrets     *seal.Column
	checkPolicy func(text string) error
}

// Option is something that New can be told.
type Option func(*Control)

// CheckPolicies has every policy checked before it is kept. Without it no policy is taken: one that
// nobody can read would decide nothing.
func CheckPolicies(check func(text string) error) Option {
	return func(c *Control) { c.checkPolicy = check }
}

func uncheckedPolicy(string) error { return errors.New("nobody here reads policies") }

// New brings the tables up to date. Values are sealed under keys, which are those of the database; the
// region is that of all ARNs.
func New(ctx context.Context, db *store.DB, keys *seal.Keys, region string, options ...Option) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "secrets", files); err != nil {
		return nil, err
	}
	c := &Control{db: db, region: region, checkPolicy: uncheckedPolicy}
	for _, option := range options {
		option(c)
	}
	if c.parameters, err = keys.Column(ctx, "secrets_parameter_versions", "id", "sealed"); err != nil {
		return nil, err
	}
	c.secrets, err = keys.Column(ctx, "secrets_versions", "id", "sealed")
	return c, err
}

// Region is where all parameters and secrets are.
func (c *Control) Region() string { return c.region }

const sweepPeriod = 10 * time.Minute

// Run deletes the secrets whose recovery window is over, until ctx ends.
func (c *Control) Run(ctx context.Context) {
	loop.Run(ctx, "secrets", sweepPeriod, nil, c.sweep)
}

func (c *Control) sweep(ctx context.Context) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from secrets_secrets where due > 0 and due <= $1`, store.Micros(tx.Now))
		return err
	})
}

// ForgetAccount deletes all that an account has here.
func (c *Control) ForgetAccount(ctx context.Context, account string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		_, err1 := tx.Exec(`delete from secrets_parameters where account = $1`, account)
		_, err2 := tx.Exec(`delete from secrets_secrets where account = $1`, account)
		return errors.Join(err1, err2)
	})
}
