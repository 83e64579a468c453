package functions

import (
	"context"
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	"slipway/internal/errs"
	"slipway/store"
)

// checkTagNames returns ErrInput for tags that nothing can have.
func checkTagNames(tags map[string]string) error {
	for key, value := range tags {
		switch {
		case key == "" || utf8.RuneCountInString(key) > 128:
			return errs.Say(ErrInput, "The tag key '%s' must have 1 to 128 characters.", key)
		case utf8.RuneCountInString(value) > 256:
			return errs.Say(ErrInput, "The value of tag '%s' must have 256 characters at most.", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return errs.Say(ErrInput, "The tag key '%s' begins with aws:, which is for AWS.", key)
		}
	}
	return nil
}

// Tags reads the tags of a function. It returns ErrNoFunction, or ErrInput for a version or alias, which have none.
func (c *Control) Tags(ctx context.Context, r Ref) (tags map[string]string, err error) {
	if err := whole(r); err != nil {
		return nil, err
	}
	err = c.viewPlace(ctx, r, func(_ *store.Tx, p place) error {
		tags = p.tags
		return nil
	})
	return tags, err
}

// Tag gives a function tags, and takes others away; $LATEST has another revision then. It returns ErrNoFunction or
// ErrInput.
func (c *Control) Tag(ctx context.Context, r Ref, add map[string]string, remove []string) error {
	if err := whole(r); err != nil {
		return err
	}
	return c.editPlace(ctx, r, func(tx *store.Tx, p place) error {
		tags := map[string]string{}
		maps.Copy(tags, p.tags)
		maps.Copy(tags, add)
		for _, key := range remove {
			delete(tags, key)
		}
		if err := checkTags(tags); err != nil {
			return err
		}
		if _, err := tx.Exec(`update functions_functions set tags = $2 where id = $1`, p.id, text(tags)); err != nil {
			return err
		}
		return p.revise(tx, "")
	})
}

// whole refuses what is not a function as a whole.
func whole(r Ref) error {
	if r.Qualifier == "" {
		return nil
	}
	return errs.Say(ErrInput, "Tags on function aliases and versions are not supported. Please specify a function ARN.")
}

// DecidingTags are the tags of a function for who decides: none if it is not there.
func (c *Control) DecidingTags(ctx context.Context, r Ref) (map[string]string, error) {
	tags, err := c.Tags(ctx, r.Whole())
	if errors.Is(err, ErrNoFunction) {
		return nil, nil
	}
	return tags, err
}
