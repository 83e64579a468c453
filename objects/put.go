package objects

import (
	"context"
	"errors"

	"slipway/internal/ids"
	"slipway/store"
)

// Put is an object that is to be there.
type Put struct {
	Bucket Bucket
	Key    string
	About  About // but for its checksum and parts
	Tags   map[string]string
	If     Precondition
}

// Precondition is what must be so of the object that is there, for another one to come in its place.
type Precondition struct {
	Match     string // its ETag; "": not asked
	NoneMatch bool   // there is none
}

// check returns ErrPrecondition, or ErrNoKey where there is none to match.
func (p Precondition) check(o Object, err error) error {
	there := !errors.Is(err, ErrNoKey)
	switch {
	case there && err != nil:
		return err
	case p.NoneMatch && there:
		return ErrPrecondition
	case p.Match != "" && !there:
		return ErrNoKey
	case p.Match != "" && p.Match != o.ETag:
		return ErrPrecondition
	}
	return nil
}

// check returns what is wrong with a put, before any bytes come.
func (p Put) check() error {
	return errors.Join(CheckKey(p.Key), p.About.check(), checkTags(p.Tags, maxObjectTags))
}

// Put keeps an object. When it returns nil, bytes and object are durable. It returns ErrKey, ErrKeyLong, ErrMetadata,
// what is wrong with tags, ErrNoBucket, ErrNoKey, ErrPrecondition, ErrIncomplete, ErrTooLarge, or what the content
// said.
func (c *Control) Put(ctx context.Context, p Put, content Content) (o Object, err error) {
	if err := p.check(); err != nil {
		return o, err
	}
	if p.If != (Precondition{}) { // as early as can be: the bytes may be many
		if err := p.If.check(c.Find(ctx, p.Bucket, p.Key, "")); err != nil {
			return o, err
		}
	}
	r, err := c.receive(ctx, content)
	if err != nil {
		return o, err
	}
	if content.Algorithm != "" {
		p.About.Checksum = Checksum{content.Algorithm, FullObject, r.checksum}
	}
	return o, c.db.Update(ctx, func(tx *store.Tx) error {
		o = Object{Key: p.Key, Size: r.size, ETag: r.etag, About: p.About, Tags: p.Tags, digest: r.digest}
		return place(tx, p.Bucket, &o, p.If)
	})
}

// place makes an object the latest of its key.
func place(tx *store.Tx, b Bucket, o *Object, must Precondition) error {
	b, err := b.stillThere(tx)
	if err != nil {
		return err
	}
	if must != (Precondition{}) {
		if err := must.check(findObject(tx, b, o.Key, "")); err != nil {
			return err
		}
	}
	if o.number, err = tx.Next(); err != nil {
		return err
	}
	o.bucket, o.Latest, o.Modified, o.Version = b.id, true, tx.Now, Null
	if b.Versioning == Versioned {
		o.Version = versionID(o.number, ids.Hex(8))
	} else if err := drop(tx, b, o.Key, Null); err != nil {
		return err
	}
	if _, err := tx.Exec(`update objects_versions set latest = 0 where bucket = $1 and key = $2 and latest = 1`, b.id, []byte(o.Key)); err != nil {
		return err
	}
	return insertObject(tx, *o)
}

// drop takes a version away, if it is there. What it had no sweep takes for a while: somebody may be reading it.
func drop(tx *store.Tx, b Bucket, key, version string) error {
	var digest, pieces string
	err := tx.Row(`delete from objects_versions where bucket = $1 and key = $2 and version = $3 returning digest, pieces`, b.id, []byte(key), version).Scan(&digest, &pieces)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	if err == nil && digest != "" {
		_, err = tx.Exec(`update objects_blobs set wanted = $1 where digest = $2`, store.Micros(tx.Now), digest)
	}
	if err == nil && pieces != "" {
		err = dropParts(tx, pieces)
	}
	return err
}
