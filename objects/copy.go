package objects

import (
	"context"
	"errors"

	"slipway/internal/ids"
	"slipway/store"
)

// Copy keeps an object under another key, or with other things said of it. No byte is moved. It returns what Put does,
// and what Find does where the object is not there any more.
func (c *Control) Copy(ctx context.Context, from Object, p Put) (o Object, err error) {
	if err := p.check(); err != nil {
		return o, err
	}
	p.About.Checksum, p.About.Parts = from.About.Checksum, from.About.Parts
	return o, c.db.Update(ctx, func(tx *store.Tx) error {
		if err := from.stillThere(tx); err != nil {
			return err
		}
		o = Object{Key: p.Key, Size: from.Size, ETag: from.ETag, About: p.About, Tags: p.Tags, digest: from.digest}
		if from.pieces != "" { // before the object is placed, which may be in its own place
			o.pieces = ids.Hex(16)
			if _, err := tx.Exec(`insert into objects_parts (owner, number, digest, size, etag, checksum, modified)
				select $1, number, digest, size, etag, checksum, modified from objects_parts where owner = $2`, o.pieces, from.pieces); err != nil {
				return err
			}
		}
		return place(tx, p.Bucket, &o, p.If)
	})
}

func (o Object) stillThere(tx *store.Tx) error {
	one := 0
	err := tx.Row(`select 1 from objects_versions where bucket = $1 and key = $2 and number = $3`, o.bucket, []byte(o.Key), o.number).Scan(&one)
	if errors.Is(err, store.ErrNoRows) {
		err = ErrNoKey
	}
	return err
}
