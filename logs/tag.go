package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"slipway/store"
)

const maxTags = 50

// Tags returns the tags of a group.
func (c *Control) Tags(ctx context.Context, account, group string) (tags map[string]string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		_, tags, err = findTags(tx, account, group)
		return err
	})
	return tags, err
}

// Tag adds tags to a group and overwrites those that it has. It returns ErrTag or ErrTooManyTags.
func (c *Control) Tag(ctx context.Context, account, group string, tags map[string]string) error {
	return c.changeTags(ctx, account, group, func(have map[string]string) { maps.Copy(have, tags) })
}

// Untag takes tags away; those that are not there are none.
func (c *Control) Untag(ctx context.Context, account, group string, keys []string) error {
	return c.changeTags(ctx, account, group, func(have map[string]string) {
		for _, key := range keys {
			delete(have, key)
		}
	})
}

func (c *Control) changeTags(ctx context.Context, account, group string, change func(map[string]string)) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		g, tags, err := findTags(tx, account, group)
		if err != nil {
			return err
		}
		change(tags)
		if err := checkTags(tags); err != nil {
			return err
		}
		return updateTags(tx, g.id, tags)
	})
}

func findTags(tx *store.Tx, account, group string) (groupRow, map[string]string, error) {
	g, err := findGroup(tx, account, group)
	if err != nil {
		return g, nil, err
	}
	tags := map[string]string{}
	if err := json.Unmarshal([]byte(g.tags), &tags); err != nil {
		return g, nil, fmt.Errorf("tags of log group %s: %w", group, err)
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return g, tags, nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fmt.Errorf("%w: %d, at most %d are allowed", ErrTooManyTags, len(tags), maxTags)
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return fmt.Errorf("%w: key %q begins with \"aws:\", which is reserved", ErrTag, key)
		}
	}
	return nil
}
