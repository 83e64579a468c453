package accounts

import (
	"context"

	"slipway/accounts/policy"
	"slipway/internal/errs"
	"slipway/store"
)

// InlinePolicy is a policy that is part of a user, group or role.
type InlinePolicy struct{ Name, Document string }

// PutInline gives a user, group or role an inline policy, in the place of the one of the same name.
// It returns ErrNoEntity, ErrName, ErrMalformed, ErrQuota or ErrUnmodifiable.
func (c *Control) PutInline(ctx context.Context, account string, kind Kind, holder string, p InlinePolicy) error {
	if err := checkName(KindPolicy, p.Name); err != nil {
		return err
	}
	if err := checkGrants(p.Document); err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := modifiable(tx, account, kind, holder)
		if err != nil {
			return err
		}
		if err := putInline(tx, e.ID, p); err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		return checkInline(tx, e)
	})
}

// checkInline refuses what is more than the inline policies of an entity may be together.
func checkInline(tx *store.Tx, e Entity) error {
	all, err := readInline(tx, e.ID)
	size := 0
	for _, p := range all {
		size += policy.Size(p.Document)
	}
	if limit := inlineSizes[e.Kind]; err == nil && size > limit {
		return errs.Say(ErrQuota, "Maximum policy size of %d bytes exceeded for %s %s", limit, e.Kind, e.Name)
	}
	return err
}

// Inline returns an inline policy of a user, group or role, or ErrNoEntity.
func (c *Control) Inline(ctx context.Context, account string, kind Kind, holder, name string) (p InlinePolicy, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := readEntity(tx, account, kind, holder)
		if err != nil {
			return err
		}
		all, err := readInline(tx, e.ID)
		if err != nil {
			return err
		}
		for _, p = range all {
			if p.Name == name {
				return nil
			}
		}
		return noInline(kind, name)
	})
	return p, err
}

// InlineNames lists the names of the inline policies of a user, group or role, and the marker of
// the next page if there is one. It returns ErrNoEntity or ErrToken.
func (c *Control) InlineNames(ctx context.Context, account string, kind Kind, holder string, p Page) (names []string, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := readEntity(tx, account, kind, holder)
		if err != nil {
			return err
		}
		names, next, err = page("inline policies of "+e.ID, p, func(after string, limit int) ([]string, error) {
			return readTexts(tx, `select name from inline_policies where entity = $1 and name > $2 order by name limit $3`, e.ID, after, limit)
		}, func(name string) string { return name })
		return err
	})
	return names, next, err
}

// DeleteInline takes an inline policy away. It returns ErrNoEntity or ErrUnmodifiable.
func (c *Control) DeleteInline(ctx context.Context, account string, kind Kind, holder, name string) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := modifiable(tx, account, kind, holder)
		if err != nil {
			return err
		}
		n, err := tx.Exec(`delete from inline_policies where entity = $1 and name = $2`, e.ID, name)
		if err == nil && n == 0 {
			return noInline(kind, name)
		}
		tx.Touch(rightsTopic)
		return err
	})
}

// noInline is ErrNoEntity for an inline policy.
func noInline(kind Kind, name string) error {
	return errs.Say(ErrNoEntity, "The %s policy with name %s cannot be found.", kind, name)
}
