package objects

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"

	"slipway/internal/errs"
	"slipway/store"
)

// Bounds of tags. Source: S3 User Guide, "Categorizing your objects using tags".
const (
	maxObjectTags = 10
	maxBucketTags = 50
	maxTagKey     = 128 // characters
	maxTagValue   = 256
)

var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// checkTags returns ErrTag or ErrTooManyTag.
func checkTags(tags map[string]string, most int) error {
	if len(tags) > most {
		return errs.Say(ErrTooManyTag, "%s tags cannot be greater than %d", map[int]string{maxObjectTags: "Object", maxBucketTags: "Bucket"}[most], most)
	}
	for key, value := range tags {
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey || !tagText.MatchString(key):
			return errs.Say(ErrTag, "The TagKey you have provided is invalid")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return errs.Say(ErrTag, "System tags cannot be added/updated by requester")
		case utf8.RuneCountInString(value) > maxTagValue || !tagText.MatchString(value):
			return ErrTag
		}
	}
	return nil
}

// SetTags replaces the tags of a version of an object, none take them away, and returns the version. It returns
// ErrNoBucket, ErrNoKey, ErrNoVersion, ErrMarker or what is wrong with them.
func (c *Control) SetTags(ctx context.Context, b Bucket, key, version string, tags map[string]string) (o Object, err error) {
	if err := checkTags(tags, maxObjectTags); err != nil {
		return o, err
	}
	return o, c.db.Update(ctx, func(tx *store.Tx) error {
		if o, err = findObject(tx, b, key, version); err != nil {
			return err
		}
		o.Tags = tags
		_, err := tx.Exec(`update objects_versions set tags = $1 where bucket = $2 and key = $3 and number = $4`, text(tags), b.id, []byte(key), o.number)
		return err
	})
}

// text is a value as a column holds it.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only types of this package, which can all be written
	}
	return string(b)
}

func read(column string, into any) error { return json.Unmarshal([]byte(column), into) }
