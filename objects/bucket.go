package objects

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/store"
)

// Bucket is a space of keys. Its name is nobody else's, in any account.
type Bucket struct {
	Name       string
	Account    string
	Versioning string // NeverVersioned, Versioned or Suspended
	Tags       map[string]string
	Created    time.Time

	id string
}

// What becomes of an object that is written over or deleted. Source: S3 User Guide, "How S3 Versioning works".
const (
	NeverVersioned = ""          // it is gone
	Versioned      = "Enabled"   // it stays, as an older version
	Suspended      = "Suspended" // it is gone, but for versions that were kept before
)

// maxBuckets is how many an account may have. Source: S3 User Guide, "Bucket quotas".
const maxBuckets = 10_000

// CreateBucket makes a bucket. It returns ErrBucketName, ErrTags' causes, ErrBucketYours or ErrBucketThere.
func (c *Control) CreateBucket(ctx context.Context, b Bucket) (Bucket, error) {
	if err := errors.Join(checkBucketName(b.Name), checkTags(b.Tags, maxBucketTags)); err != nil {
		return b, err
	}
	b.id = ids.Hex(16)
	return b, c.db.Update(ctx, func(tx *store.Tx) error {
		there, err := findBucket(tx, b.Name)
		switch {
		case err == nil && there.Account == b.Account:
			return ErrBucketYours
		case err == nil:
			return ErrBucketThere
		case !errors.Is(err, ErrNoBucket):
			return err
		}
		count := 0
		if err := tx.Row(`select count(*) from objects_buckets where account = $1`, b.Account).Scan(&count); err != nil {
			return err
		}
		if count >= maxBuckets {
			return ErrTooManyBucket
		}
		b.Created = tx.Now
		_, err = tx.Exec(`insert into objects_buckets (id, name, account, versioning, tags, created) values ($1, $2, $3, $4, $5, $6)`,
			b.id, b.Name, b.Account, b.Versioning, text(b.Tags), store.Micros(b.Created))
		return err
	})
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// checkBucketName returns ErrBucketName. Source: S3 User Guide, "General purpose bucket naming rules".
func checkBucketName(name string) error {
	_, address := netip.ParseAddr(name)
	bad := !bucketName.MatchString(name) || strings.Contains(name, "..") || address == nil
	for _, reserved := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		bad = bad || strings.HasPrefix(name, reserved)
	}
	for _, reserved := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		bad = bad || strings.HasSuffix(name, reserved)
	}
	if bad {
		return ErrBucketName
	}
	return nil
}

// FindBucket returns a bucket, whosever it is. It returns ErrNoBucket.
func (c *Control) FindBucket(ctx context.Context, name string) (Bucket, error) {
	return scanBucket(c.db.Row(ctx, selectBucket+` where name = $1`, name))
}

const selectBucket = `select id, name, account, versioning, tags, created from objects_buckets`

func findBucket(tx *store.Tx, name string) (Bucket, error) {
	return scanBucket(tx.Row(selectBucket+` where name = $1`, name))
}

// stillThere reads a bucket again, which may have been deleted meanwhile, and made anew by somebody else.
func (b Bucket) stillThere(tx *store.Tx) (Bucket, error) {
	return scanBucket(tx.Row(selectBucket+` where id = $1`, b.id))
}

func scanBucket(row interface{ Scan(...any) error }) (b Bucket, err error) {
	var tags string
	var created int64
	err = row.Scan(&b.id, &b.Name, &b.Account, &b.Versioning, &tags, &created)
	if errors.Is(err, store.ErrNoRows) {
		return b, ErrNoBucket
	}
	if err != nil {
		return b, err
	}
	b.Created = store.Time(created)
	return b, read(tags, &b.Tags)
}

// BucketQuery says which buckets are to be listed.
type BucketQuery struct {
	Account, Prefix string
	After           string // the name of the last one that is known; "": from the first on
	Limit           int
}

// Buckets lists buckets of an account by their names.
func (c *Control) Buckets(ctx context.Context, q BucketQuery) (list []Bucket, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list = nil
		return tx.Each(selectBucket+` where account = $1 and name > $2 and substr(name, 1, length($3)) = $3 order by name limit $4`,
			[]any{q.Account, q.After, q.Prefix, q.Limit}, func(rows *sql.Rows) error {
				b, err := scanBucket(rows)
				list = append(list, b)
				return err
			})
	})
	return list, err
}

// DeleteBucket deletes a bucket that has no objects. What was being sent to it in parts is given up. It returns
// ErrNoBucket or ErrNotEmpty.
func (c *Control) DeleteBucket(ctx context.Context, b Bucket) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		b, err := b.stillThere(tx)
		if err != nil {
			return err
		}
		var left bool
		if err := tx.Row(`select exists (select 1 from objects_versions where bucket = $1)`, b.id).Scan(&left); err != nil {
			return err
		}
		switch {
		case left && b.Versioning != NeverVersioned:
			return errs.Say(ErrNotEmpty, "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
		case left:
			return ErrNotEmpty
		}
		if err := dropUploads(tx, b); err != nil {
			return err
		}
		_, err = tx.Exec(`delete from objects_buckets where id = $1`, b.id)
		return err
	})
}

// SetVersioning says whether versions are kept from now on: Versioned or Suspended. It returns ErrNoBucket.
func (c *Control) SetVersioning(ctx context.Context, b Bucket, versioning string) error {
	return c.setBucket(ctx, b, "versioning", versioning)
}

// SetBucketTags replaces the tags of a bucket; none take them away. It returns ErrNoBucket or what is wrong with them.
func (c *Control) SetBucketTags(ctx context.Context, b Bucket, tags map[string]string) error {
	if err := checkTags(tags, maxBucketTags); err != nil {
		return err
	}
	return c.setBucket(ctx, b, "tags", text(tags))
}

func (c *Control) setBucket(ctx context.Context, b Bucket, column, value string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`update objects_buckets set `+column+` = $1 where id = $2`, value, b.id)
		if err == nil && n == 0 {
			err = ErrNoBucket
		}
		return err
	})
}
