package objects

import (
	"context"
	"errors"

	"slipway/internal/ids"
	"slipway/store"
)

// Deleted is what became of an object that was deleted.
type Deleted struct {
	Version string // that was deleted, or that the marker got; "": versions are not kept
	Marker  bool   // it is a marker that came, or that went
}

// Delete deletes an object, or one version of it. Where versions are kept, an object is deleted by a marker. One that
// is not there is no error. It returns ErrNoBucket, ErrVersionID or ErrPrecondition.
func (c *Control) Delete(ctx context.Context, b Bucket, key, version string, must Precondition) (d Deleted, err error) {
	if err := CheckKey(key); err != nil {
		return d, err
	}
	return d, c.db.Update(ctx, func(tx *store.Tx) error {
		b, err := b.stillThere(tx)
		if err != nil {
			return err
		}
		if must != (Precondition{}) {
			if err := must.check(findObject(tx, b, key, version)); err != nil {
				return err
			}
		}
		if version != "" {
			d, err = deleteVersion(tx, b, key, version)
			return err
		}
		d, err = deleteLatest(tx, b, key)
		return err
	})
}

func deleteLatest(tx *store.Tx, b Bucket, key string) (d Deleted, err error) {
	if b.Versioning != Versioned {
		if err := drop(tx, b, key, Null); err != nil || b.Versioning == NeverVersioned {
			return d, err
		}
	}
	o := Object{bucket: b.id, Key: key, Version: Null, Marker: true, Modified: tx.Now}
	if o.number, err = tx.Next(); err != nil {
		return d, err
	}
	if b.Versioning == Versioned {
		o.Version = versionID(o.number, ids.Hex(8))
	}
	if _, err := tx.Exec(`update objects_versions set latest = 0 where bucket = $1 and key = $2 and latest = 1`, b.id, []byte(key)); err != nil {
		return d, err
	}
	return Deleted{Version: o.Version, Marker: true}, insertObject(tx, o)
}

func deleteVersion(tx *store.Tx, b Bucket, key, version string) (d Deleted, err error) {
	d.Version = version
	o, err := findObject(tx, b, key, version)
	switch {
	case errors.Is(err, ErrNoVersion):
		return d, nil
	case err != nil && !errors.Is(err, ErrMarker):
		return d, err
	}
	d.Marker = o.Marker
	if err := drop(tx, b, key, version); err != nil || !o.Latest {
		return d, err
	}
	_, err = tx.Exec(`update objects_versions set latest = 1 where bucket = $1 and key = $2
		and number = (select max(number) from objects_versions where bucket = $1 and key = $2)`, b.id, []byte(key))
	return d, err
}

// empty deletes all that is in a bucket, some at a time.
func (c *Control) empty(ctx context.Context, b Bucket) error {
	for {
		some, err := c.Versions(ctx, VersionQuery{Bucket: b, Limit: 500})
		if err != nil || len(some.Objects) == 0 {
			return err
		}
		err = c.db.Update(ctx, func(tx *store.Tx) error {
			for _, o := range some.Objects {
				if err := drop(tx, b, o.Key, o.Version); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
