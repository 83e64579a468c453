package clustertest

import (
	"context"
	"sync"

	"slipway/cluster"
	"slipway/internal/errs"
)

var errEmpty = errs.New(errs.NotFound, "nothing lies there")

// Vault is a place for secrets and files: what is put into it is there, for whoever asks.
type Vault struct {
	// Reading, where it is set, is called before anything is read; its error is the answer.
	Reading func(as cluster.Reader, name string) error
	// NoFiles, where it is set, is why no file can be read.
	NoFiles error

	byName sync.Map
}

// Put lays a value, or a file, under the name by which definitions refer to it.
func (v *Vault) Put(name, value string) { v.byName.Store(name, value) }

// Value implements cluster.Vault.
func (v *Vault) Value(_ context.Context, as cluster.Reader, from string) (string, error) {
	if v.Reading != nil {
		if err := v.Reading(as, from); err != nil {
			return "", err
		}
	}
	value, ok := v.byName.Load(from)
	if !ok {
		return "", errEmpty
	}
	return value.(string), nil
}

// File implements cluster.Vault.
func (v *Vault) File(ctx context.Context, as cluster.Reader, object string, limit int64) ([]byte, error) {
	text, err := v.Value(ctx, as, object)
	return []byte(text), err
}

// Files implements cluster.Vault.
func (v *Vault) Files(string) error { return v.NoFiles }
