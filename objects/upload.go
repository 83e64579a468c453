package objects

import (
	"cmp"
	"context"
	"crypto/md5" // what an ETag is
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"

	"slipway/blob"
	"slipway/internal/ids"
	"slipway/store"
)

// Upload is an object that comes in parts. Until it is completed, there is nothing under its key.
type Upload struct {
	ID      string
	Key     string
	About   About // its checksum says which algorithm the parts have, and has no value yet
	Tags    map[string]string
	Created time.Time

	bucket string
}

// Part is one part of an upload.
type Part struct {
	Number   int
	Size     int64
	ETag     string
	Checksum string // base64, in the upload's algorithm; "": none
	Modified time.Time

	digest blob.Digest
}

// Bounds of parts. Source: S3 User Guide, "Amazon S3 multipart upload limits".
const (
	maxParts = 10_000
	minPart  = 5 << 20 // bytes, but for the last
)

// Begin begins an object that comes in parts. It returns what Put does of the key and what is said of the object.
func (c *Control) Begin(ctx context.Context, p Put) (u Upload, err error) {
	if err := p.check(); err != nil {
		return u, err
	}
	u = Upload{ID: ids.Hex(32), Key: p.Key, About: p.About, Tags: p.Tags, bucket: p.Bucket.id}
	return u, c.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := p.Bucket.stillThere(tx); err != nil {
			return err
		}
		u.Created = tx.Now
		_, err := tx.Exec(`insert into objects_uploads (id, bucket, key, about, tags, created) values ($1, $2, $3, $4, $5, $6)`,
			u.ID, u.bucket, []byte(u.Key), text(u.About), text(u.Tags), store.Micros(u.Created))
		return err
	})
}

const selectUpload = `select id, bucket, key, about, tags, created from objects_uploads`

// FindUpload returns an upload that was begun and not ended. It returns ErrNoUpload.
func (c *Control) FindUpload(ctx context.Context, b Bucket, key, id string) (Upload, error) {
	return scanUpload(c.db.Row(ctx, selectUpload+` where id = $1 and bucket = $2 and key = $3`, id, b.id, []byte(key)))
}

func (u Upload) stillThere(tx *store.Tx) error {
	_, err := scanUpload(tx.Row(selectUpload+` where id = $1`, u.ID))
	return err
}

func scanUpload(row interface{ Scan(...any) error }) (u Upload, err error) {
	var key []byte
	var about, tags string
	var created int64
	err = row.Scan(&u.ID, &u.bucket, &key, &about, &tags, &created)
	if errors.Is(err, store.ErrNoRows) {
		return u, ErrNoUpload
	}
	if err != nil {
		return u, err
	}
	u.Key, u.Created = string(key), store.Time(created)
	return u, errors.Join(read(about, &u.About), read(tags, &u.Tags))
}

// PutPart keeps a part, in place of one of the same number. It returns ErrPartCount, ErrNoUpload and what Put returns of
// its content.
func (c *Control) PutPart(ctx context.Context, u Upload, number int, content Content) (p Part, err error) {
	if number < 1 || number > maxParts {
		return p, ErrPartCount
	}
	r, err := c.receive(ctx, content)
	if err != nil {
		return p, err
	}
	p = Part{Number: number, Size: r.size, ETag: r.etag, Checksum: r.checksum, digest: r.digest}
	return p, c.db.Update(ctx, func(tx *store.Tx) error {
		if err := u.stillThere(tx); err != nil {
			return err
		}
		p.Modified = tx.Now
		_, err := tx.Exec(`insert into objects_parts (owner, number, digest, size, etag, checksum, modified) values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (owner, number) do update set digest = excluded.digest, size = excluded.size, etag = excluded.etag, checksum = excluded.checksum, modified = excluded.modified`,
			u.ID, number, string(p.digest), p.Size, p.ETag, p.Checksum, store.Micros(tx.Now))
		return err
	})
}

// Parts lists parts of an upload, or those that a version has come in, after a number.
func (c *Control) Parts(ctx context.Context, u Upload, after, limit int) (list []Part, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list, err = parts(tx, u.ID, after, limit)
		return err
	})
	return list, err
}

func parts(tx *store.Tx, owner string, after, limit int) (list []Part, err error) {
	return list, tx.Each(`select number, digest, size, etag, checksum, modified from objects_parts where owner = $1 and number > $2 order by number limit $3`,
		[]any{owner, after, limit}, func(rows *sql.Rows) error {
			var p Part
			var digest string
			var modified int64
			err := rows.Scan(&p.Number, &digest, &p.Size, &p.ETag, &p.Checksum, &modified)
			p.digest, p.Modified = blob.Digest(digest), store.Time(modified)
			list = append(list, p)
			return err
		})
}

// Complete makes an object of parts: of those that are named, which must have the ETags, and the checksums if any are
// given. The others are given up. sum, if it is not "", is the checksum that the whole must have. It returns
// ErrNoUpload, ErrPart, ErrPartOrder, ErrPartSmall, ErrChecksum, ErrNoKey or ErrPrecondition.
func (c *Control) Complete(ctx context.Context, b Bucket, u Upload, named []Part, sum string, must Precondition) (o Object, err error) {
	return o, c.db.Update(ctx, func(tx *store.Tx) error {
		if err := u.stillThere(tx); err != nil {
			return err
		}
		all, err := parts(tx, u.ID, 0, maxParts)
		if err != nil {
			return err
		}
		chosen, err := choose(all, named)
		if err != nil {
			return err
		}
		if o, err = u.object(chosen, sum); err != nil {
			return err
		}
		if err := dropOthers(tx, u.ID, all, chosen); err != nil {
			return err
		}
		if _, err := tx.Exec(`delete from objects_uploads where id = $1`, u.ID); err != nil {
			return err
		}
		return place(tx, b, &o, must)
	})
}

// choose finds the parts that are named.
func choose(all, named []Part) (chosen []Part, err error) {
	byNumber := map[int]Part{}
	for _, p := range all {
		byNumber[p.Number] = p
	}
	if !slices.IsSortedFunc(named, func(a, b Part) int { return cmp.Compare(a.Number, b.Number) }) {
		return nil, ErrPartOrder
	}
	for i, n := range named {
		p, there := byNumber[n.Number]
		switch {
		case i > 0 && n.Number == named[i-1].Number:
			return nil, ErrPartOrder
		case !there || p.ETag != n.ETag || n.Checksum != "" && n.Checksum != p.Checksum:
			return nil, ErrPart
		case i < len(named)-1 && p.Size < minPart:
			return nil, ErrPartSmall
		}
		chosen = append(chosen, p)
	}
	if len(chosen) == 0 {
		return nil, ErrPart
	}
	return chosen, nil
}

// object is what an upload becomes. Its ETag is AWS's: the hash of the hashes of the parts, and their number.
func (u Upload) object(chosen []Part, sum string) (o Object, err error) {
	o = Object{Key: u.Key, About: u.About, Tags: u.Tags, pieces: u.ID}
	o.About.Parts = len(chosen)
	all := md5.New()
	for _, p := range chosen {
		b, err := hex.DecodeString(p.ETag)
		if err != nil {
			return o, err
		}
		all.Write(b)
		o.Size += p.Size
	}
	o.ETag = hex.EncodeToString(all.Sum(nil)) + "-" + strconv.Itoa(len(chosen))
	if c := u.About.Checksum; c.Algorithm != "" {
		if o.About.Checksum, err = joinChecksums(c.Algorithm, c.Kind, chosen); err != nil {
			return o, err
		}
		if sum != "" && sum != o.About.Checksum.Value {
			return o, ErrChecksum
		}
	}
	return o, nil
}

func dropOthers(tx *store.Tx, owner string, all, chosen []Part) error {
	kept := map[int]bool{}
	for _, p := range chosen {
		kept[p.Number] = true
	}
	for _, p := range all {
		if !kept[p.Number] {
			if _, err := tx.Exec(`delete from objects_parts where owner = $1 and number = $2`, owner, p.Number); err != nil {
				return err
			}
		}
	}
	return nil
}

// Abort gives an upload up, with all of its parts. It returns ErrNoUpload.
func (c *Control) Abort(ctx context.Context, u Upload) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		if err := u.stillThere(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`delete from objects_uploads where id = $1`, u.ID); err != nil {
			return err
		}
		return dropParts(tx, u.ID)
	})
}

// dropParts takes parts away. Their bytes no sweep takes for a while: somebody may be reading them.
func dropParts(tx *store.Tx, owner string) error {
	_, err1 := tx.Exec(`update objects_blobs set wanted = $1 where digest in (select digest from objects_parts where owner = $2)`, store.Micros(tx.Now), owner)
	_, err2 := tx.Exec(`delete from objects_parts where owner = $1`, owner)
	return errors.Join(err1, err2)
}

// dropUploads gives up all uploads to a bucket.
func dropUploads(tx *store.Tx, b Bucket) error {
	_, err1 := tx.Exec(`delete from objects_parts where owner in (select id from objects_uploads where bucket = $1)`, b.id)
	_, err2 := tx.Exec(`delete from objects_uploads where bucket = $1`, b.id)
	return errors.Join(err1, err2)
}

// UploadQuery says which uploads to a bucket are to be listed.
type UploadQuery struct {
	Bucket  Bucket
	Prefix  string
	After   string // a key after which to go on; "": from the first on
	AfterID string // an upload to the key After, after which to go on; "": with the next key
	Limit   int
}

// Uploads lists uploads that were begun and not ended, by their keys.
func (c *Control) Uploads(ctx context.Context, q UploadQuery) (list []Upload, err error) {
	query := selectUpload + ` where bucket = $1 and key >= $2 and (key > $2 or id > $3)`
	args := []any{q.Bucket.id, []byte(q.After), q.AfterID, q.Limit}
	if q.AfterID == "" && q.After != "" {
		query = selectUpload + ` where bucket = $1 and key > $2 and id >= $3`
	}
	if q.Prefix != "" {
		query, args = query+` and key >= $5`, append(args, []byte(q.Prefix))
		if end := afterAll(q.Prefix); end != nil {
			query, args = query+` and key < $6`, append(args, end)
		}
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		return tx.Each(query+` order by key, id limit $4`, args, func(rows *sql.Rows) error {
			u, err := scanUpload(rows)
			list = append(list, u)
			return err
		})
	})
	return list, err
}
