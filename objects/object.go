package objects

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"slipway/blob"
	"slipway/internal/errs"
	"slipway/store"
)

// Object is one version of an object, or a marker that says that it is deleted.
type Object struct {
	Key      string
	Version  string // Null if it came while versions were not kept
	Latest   bool
	Marker   bool
	Size     int64
	ETag     string // without quotes
	About    About
	Tags     map[string]string
	Modified time.Time

	bucket string
	number int64
	digest blob.Digest
	pieces string
}

// Null is how a version is named that came while versions were not kept.
const Null = "null"

// About is what an object says of itself.
type About struct {
	ContentType        string            `json:"type,omitempty"`
	CacheControl       string            `json:"cache,omitempty"`
	ContentDisposition string            `json:"disposition,omitempty"`
	ContentEncoding    string            `json:"encoding,omitempty"`
	ContentLanguage    string            `json:"language,omitempty"`
	Expires            string            `json:"expires,omitempty"`
	Meta               map[string]string `json:"meta,omitempty"` // names in lower case
	Checksum           Checksum          `json:"checksum,omitzero"`
	Parts              int               `json:"parts,omitempty"` // in how many it came; 0: in none
}

// Bounds of objects. Source: S3 User Guide, "Naming Amazon S3 objects" and "Working with object metadata".
const (
	maxKey  = 1024    // bytes
	maxMeta = 2 << 10 // bytes of all names and values
	MaxPut  = 5 << 30 // bytes that come at once
)

// check returns ErrMetadata.
func (a About) check() error {
	size := 0
	for name, value := range a.Meta {
		size += len(name) + len(value)
	}
	if size > maxMeta {
		return ErrMetadata
	}
	return nil
}

// CheckKey returns ErrKey or ErrKeyLong.
func CheckKey(key string) error {
	switch {
	case len(key) > maxKey:
		return ErrKeyLong
	case key == "" || !utf8.ValidString(key):
		return ErrKey
	}
	return nil
}

// Find returns a version of an object, the latest for "". It returns ErrNoKey, ErrNoVersion, ErrVersionID, or ErrMarker
// with the marker: for the latest version, that is an ErrNoKey, too.
func (c *Control) Find(ctx context.Context, b Bucket, key, version string) (Object, error) {
	// A statement alone sees one state of the database.
	return findBy(func(query string, args ...any) *sql.Row { return c.db.Row(ctx, query, args...) }, b, key, version)
}

func findObject(tx *store.Tx, b Bucket, key, version string) (Object, error) {
	return findBy(tx.Row, b, key, version)
}

func findBy(row func(string, ...any) *sql.Row, b Bucket, key, version string) (o Object, err error) {
	if version == "" {
		o, err = scanObject(row(selectObject+` where bucket = $1 and key = $2 and latest = 1`, b.id, []byte(key)))
	} else if err = checkVersion(version); err == nil {
		o, err = scanObject(row(selectObject+` where bucket = $1 and key = $2 and version = $3`, b.id, []byte(key), version))
	}
	switch {
	case errors.Is(err, store.ErrNoRows) && version != "":
		return o, ErrNoVersion
	case errors.Is(err, store.ErrNoRows):
		return o, ErrNoKey
	case err == nil && o.Marker && version == "":
		return o, errors.Join(ErrNoKey, ErrMarker)
	case err == nil && o.Marker:
		return o, ErrMarker
	}
	return o, err
}

const selectObject = `select bucket, key, number, version, latest, marker, digest, pieces, size, etag, about, tags, modified from objects_versions`

func scanObject(row interface{ Scan(...any) error }) (o Object, err error) {
	var key []byte
	var latest, marker, modified int64
	var digest, about, tags string
	err = row.Scan(&o.bucket, &key, &o.number, &o.Version, &latest, &marker, &digest, &o.pieces, &o.Size, &o.ETag, &about, &tags, &modified)
	if err != nil {
		return o, err
	}
	o.Key, o.Latest, o.Marker, o.Modified, o.digest = string(key), latest == 1, marker == 1, store.Time(modified), blob.Digest(digest)
	return o, errors.Join(read(about, &o.About), read(tags, &o.Tags))
}

func insertObject(tx *store.Tx, o Object) error {
	_, err := tx.Exec(`insert into objects_versions (bucket, key, number, version, latest, marker, digest, pieces, size, etag, about, tags, modified)
		values ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12)`,
		o.bucket, []byte(o.Key), o.number, o.Version, flag(o.Marker), string(o.digest), o.pieces, o.Size, o.ETag, text(o.About), text(o.Tags), store.Micros(o.Modified))
	return err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// versionSize is how long the names of versions are, but for Null.
const versionSize = 32

// versionID names a version by its number. Its second half keeps anybody from naming versions that they were not told.
func versionID(number int64, random string) string {
	s := strconv.FormatInt(number, 16)
	return "0000000000000000"[len(s):] + s + random
}

func checkVersion(version string) error {
	if version == Null || len(version) == versionSize {
		return nil
	}
	return errs.Say(ErrVersionID, "Invalid version id specified")
}

func eachObject(tx *store.Tx, query string, args []any, f func(Object) error) error {
	return tx.Each(query, args, func(rows *sql.Rows) error {
		o, err := scanObject(rows)
		if err != nil {
			return err
		}
		return f(o)
	})
}
