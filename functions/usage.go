package functions

import (
	"context"

	"slipway/functions/archive"
	"slipway/store"
)

// Usage is what an account has of functions and layers, and what it may have.
type Usage struct {
	Functions   int64
	Code        int64 // bytes of the zips of versions and layers
	Concurrency int   // calls at a time that it may have
	Unreserved  int   // of those, for functions without a part of their own
	MaxCode     int64 // bytes of all zips
	MaxZip      int64 // bytes of one
	MaxUnzipped int64 // bytes of all that is in one
}

// Usage counts what an account has.
func (c *Control) Usage(ctx context.Context, account string) (u Usage, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		u.Concurrency, u.MaxCode, u.MaxZip, u.MaxUnzipped = c.concurrency(), MaxStorage, maxZip, archive.Code.Bytes
		if u.Unreserved, err = c.unreserved(tx, account, ""); err != nil {
			return err
		}
		if u.Code, err = codeSize(tx, account); err != nil {
			return err
		}
		u.Unreserved = max(0, u.Unreserved) // there may have been more when it was given away
		return tx.Row(`select count(*) from functions_functions where account = $1`, account).Scan(&u.Functions)
	})
	return u, err
}

// codeSize is how many bytes the zips of an account's versions and layers have.
func codeSize(tx *store.Tx, account string) (n int64, err error) {
	err = tx.Row(`select (select coalesce(sum(v.size), 0) from functions_versions v join functions_functions f on f.id = v.function where f.account = $1 and v.code <> '')
		+ (select coalesce(sum(v.size), 0) from functions_layer_versions v join functions_layers l on l.id = v.layer where l.account = $1)`, account).Scan(&n)
	return n, err
}

// checkStorage returns ErrStorage if an account would have more code than it may.
func checkStorage(tx *store.Tx, account string, more int64) error {
	has, err := codeSize(tx, account)
	if err == nil && has+more > MaxStorage {
		err = ErrStorage
	}
	return err
}
