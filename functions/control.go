// Package functions is the room of code that is run on demand: functions, their versions and aliases, the code
// that they are made of, and calls of them.
//
// It decides what is to be run and remembers it; functions/fleet runs it. The room knows no wire and decides
// nothing about callers.
package functions

import (
	"context"
	"embed"
	"io/fs"

	"slipway/blob"
	"slipway/seal"
	"slipway/store"
)

//go:embed schema
var schema embed.FS

// Control is the room. It is safe for use by many goroutines.
type Control struct {
	db     *store.DB
	keys   *seal.Keys
	blobs  blob.Store
	config Config
}

// Config is what the room is told at its start.
type Config struct {
	Account string // the root account
	Region  string // that of all ARNs
	Images  Images
	Roles   Roles
	Fleet   Fleet

	// CheckPolicy has every policy checked before it is kept; nil: none is taken.
	CheckPolicy func(text string) error
	// Advertise is the host:port of the API, for links to it.
	Advertise string
}

// New brings the tables up to date; those of events must be there. Environments are sealed under keys, which are
// those of the database; code lies in blobs, which nobody else has.
func New(ctx context.Context, db *store.DB, keys *seal.Keys, blobs blob.Store, config Config) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "functions", files); err != nil {
		return nil, err
	}
	return &Control{db: db, keys: keys, blobs: blobs, config: config}, nil
}

// Region is where all functions are.
func (c *Control) Region() string { return c.config.Region }

// Run does what is to be done beside calls, until ctx ends.
func (c *Control) Run(ctx context.Context) { <-ctx.Done() }
