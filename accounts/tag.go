package accounts

import (
	"context"
	"errors"
	"strings"

	"slipway/internal/errs"
	"slipway/store"
)

// Tag is a key and value that somebody put on an entity.
type Tag struct{ Key, Value string }

// maxTags is how many tags an entity has at most. Source: IAM User Guide, "IAM and AWS STS quotas".
const maxTags = 50

// Tags lists the tags of an entity by their keys, and the marker of the next page if there is one.
// It returns ErrNoEntity.
func (c *Control) Tags(ctx context.Context, account string, kind Kind, name string, p Page) (tags []Tag, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := readEntity(tx, account, kind, name)
		if err != nil {
			return err
		}
		tags, next, err = pageOfTags(tx, e, p)
		return err
	})
	return tags, next, err
}

func pageOfTags(tx *store.Tx, e Entity, p Page) ([]Tag, string, error) {
	return page("tags of "+e.ID, p, func(after string, limit int) ([]Tag, error) {
		return readTags(tx, e.ID, after, limit)
	}, func(t Tag) string { return e.Kind.foldKey(t.Key) })
}

// TagsOf returns the tags of an entity by its id: none for an id that nobody has.
func (c *Control) TagsOf(ctx context.Context, id string) (tags map[string]string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		tags, err = tagMap(tx, id)
		return err
	})
	return tags, err
}

// tagMap are the tags of an entity as conditions of policies ask for them.
func tagMap(tx *store.Tx, id string) (map[string]string, error) {
	list, err := allTags(tx, id)
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[t.Key] = t.Value
	}
	return tags, err
}

// Tag adds tags to an entity, and replaces those that it has. It returns ErrNoEntity, ErrInput,
// or ErrQuota.
func (c *Control) Tag(ctx context.Context, account string, kind Kind, name string, tags []Tag) error {
	return c.retag(ctx, ofName(account, kind, name), func(tx *store.Tx, e Entity) error { return addTags(tx, e, tags) })
}

// Untag takes tags away; those that are not there are none. It returns ErrNoEntity.
func (c *Control) Untag(ctx context.Context, account string, kind Kind, name string, keys []string) error {
	return c.retag(ctx, ofName(account, kind, name), func(tx *store.Tx, e Entity) error { return deleteTags(tx, e, keys) })
}

func ofName(account string, kind Kind, name string) func(*store.Tx) (Entity, error) {
	return func(tx *store.Tx) (Entity, error) { return readEntity(tx, account, kind, name) }
}

// retag changes the tags of what find finds.
func (c *Control) retag(ctx context.Context, find func(*store.Tx) (Entity, error), change func(*store.Tx, Entity) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := find(tx)
		if err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		return change(tx, e)
	})
}

func deleteTags(tx *store.Tx, e Entity, keys []string) error {
	for _, key := range keys {
		if err := deleteTag(tx, e.ID, e.Kind.foldKey(key)); err != nil {
			return err
		}
	}
	return nil
}

// addTags puts tags on an entity of which the caller has seen that it is there.
func addTags(tx *store.Tx, e Entity, tags []Tag) error {
	if err := checkTags(e.Kind, tags); err != nil {
		return err
	}
	for _, t := range tags {
		if err := putTag(tx, e.ID, e.Kind.foldKey(t.Key), t); err != nil {
			return err
		}
	}
	n, err := countTags(tx, e.ID)
	if err == nil && n > maxTags {
		return overQuota("TagsPer"+kinds[e.Kind].word, maxTags)
	}
	return err
}

// checkTags refuses keys that are reserved or come twice.
func checkTags(kind Kind, tags []Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		key := kind.foldKey(t.Key)
		switch {
		case strings.HasPrefix(fold(t.Key), "aws:"):
			return errs.Say(ErrInput, "Tag keys starting with 'aws:' are reserved for internal use: %s", t.Key)
		case seen[key] && kind.foldsKeys():
			return errs.Say(ErrInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case seen[key]:
			return errs.Say(ErrInput, "Duplicate tag keys found.")
		}
		seen[key] = true
	}
	return nil
}

// foldsKeys reports whether tag keys that differ by case alone are the same: "Tag keys of IAM users
// and roles are not case sensitive; of other IAM resources they are".
// Source: IAM User Guide, "Tags for AWS Identity and Access Management resources".
func (k Kind) foldsKeys() bool { return k == KindUser || k == KindRole }

// foldKey is what tells the tag keys of an entity of this kind apart.
func (k Kind) foldKey(key string) string {
	if k.foldsKeys() {
		return fold(key)
	}
	return key
}

// TagPolicy is Tag for a managed policy of the account, by its ARN. It returns ErrOfAWS for those of AWS.
func (c *Control) TagPolicy(ctx context.Context, account, arn string, tags []Tag) error {
	return c.retag(ctx, ofPolicy(account, arn), func(tx *store.Tx, e Entity) error { return addTags(tx, e, tags) })
}

// UntagPolicy is Untag for a managed policy of the account, by its ARN. It returns ErrOfAWS for those of AWS.
func (c *Control) UntagPolicy(ctx context.Context, account, arn string, keys []string) error {
	return c.retag(ctx, ofPolicy(account, arn), func(tx *store.Tx, e Entity) error { return deleteTags(tx, e, keys) })
}

// PolicyTags is Tags for a managed policy by its ARN; those of AWS have none.
func (c *Control) PolicyTags(ctx context.Context, account, arn string, p Page) (tags []Tag, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := findPolicy(tx, account, arn)
		if err != nil {
			return err
		}
		tags, next, err = pageOfTags(tx, e, p)
		return err
	})
	return tags, next, err
}

// TagsOfPolicy returns the tags of a managed policy as conditions ask for them: none for an ARN
// that no policy has.
func (c *Control) TagsOfPolicy(ctx context.Context, account, arn string) (tags map[string]string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := findPolicy(tx, account, arn)
		if err != nil {
			return err
		}
		tags, err = tagMap(tx, e.ID)
		return err
	})
	if errors.Is(err, ErrNoEntity) || errors.Is(err, ErrInput) {
		return nil, nil
	}
	return tags, err
}

func ofPolicy(account, arn string) func(*store.Tx) (Entity, error) {
	return func(tx *store.Tx) (Entity, error) { return ownPolicy(tx, account, arn) }
}
