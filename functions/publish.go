package functions

import (
	"context"
	"errors"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// Publish makes a version of what $LATEST is, with a description of its own if that is not nil. If nothing has
// changed since the last version was published, that is the answer. It returns ErrNoFunction, ErrPrecondition,
// ErrInput or ErrBusy.
func (c *Control) Publish(ctx context.Context, r Ref, description *string, must Precondition) (v Version, err error) {
	err = c.edit(ctx, r.Whole(), func(tx *store.Tx, f *function) error {
		if v, err = c.latest(tx, f, must); err != nil {
			return err
		}
		if v.State.State != Active || v.Update.State == UpdateFailed {
			return errs.Say(ErrBusy, "The operation cannot be performed at this time. The function is currently in the following state: %s", Failed)
		}
		return publish(tx, f, &v, description)
	})
	if err != nil {
		return v, err
	}
	return v, c.open(ctx, &v)
}

// publish makes a version of $LATEST, which becomes that version.
func publish(tx *store.Tx, f *function, v *Version, description *string) error {
	origin := v.origin()
	newest, err := newestVersion(tx, f, origin)
	if err == nil {
		*v = newest
		return nil
	}
	if !errors.Is(err, store.ErrNoRows) {
		return err
	}
	if _, err := tx.Exec(`update functions_versions set revision = $2 where id = $1`, v.id, ids.UUID()); err != nil { // $LATEST was published: as with AWS it has another revision
		return err
	}
	v.Number, v.Revision, v.Since, v.moves, v.Modified = f.next, ids.UUID(), tx.Now, nil, tx.Now
	v.Update = Status{}
	if v.State.State == Active {
		v.Update.State = Successful
	}
	if description != nil {
		v.Settings.Description = *description
	}
	v.Release = v.releaseID()
	if _, err := tx.Exec(`update functions_functions set next = next + 1 where id = $1`, f.id); err != nil {
		return err
	}
	f.next++
	return insertVersion(tx, v, origin)
}

// newestVersion is the newest published version, if it is of that origin; else store.ErrNoRows.
func newestVersion(tx *store.Tx, f *function, origin string) (v Version, err error) {
	var number int64
	var of string
	err = tx.Row(`select version, origin from functions_versions where function = $1 and version > 0 order by version desc limit 1`, f.id).Scan(&number, &of)
	if err == nil && of != origin {
		err = store.ErrNoRows
	}
	if err != nil {
		return v, err
	}
	return readVersion(tx, f, number)
}
