package accounts

import (
	"context"

	"slipway/internal/errs"
	"slipway/store"
)

// groupsPerUser is in how many groups a user can be. Source: IAM User Guide, "IAM and AWS STS quotas".
const groupsPerUser = 10

// CreateGroup makes a group without users. It returns ErrName, ErrEntityExists or ErrQuota.
func (c *Control) CreateGroup(ctx context.Context, account, name, path string) (Entity, error) {
	e := Entity{Account: account, Kind: KindGroup, Name: name, Path: path}
	return c.create(ctx, e, nil, func(*store.Tx, *Entity) error { return nil })
}

// DeleteGroup takes a group away. It returns ErrNoEntity, or ErrInUse while it has users or policies.
func (c *Control) DeleteGroup(ctx context.Context, account, name string) error {
	return c.delete(ctx, account, KindGroup, name, freeOf(withUsers, withAttached, withInline))
}

// Join puts a user into a group; one who is in it already stays. It returns ErrNoEntity or ErrQuota.
func (c *Control) Join(ctx context.Context, account, group, user string) error {
	return c.withMember(ctx, account, group, user, func(tx *store.Tx, g, u Entity) error {
		if err := insertMember(tx, g.ID, u.ID); err != nil {
			return err
		}
		n, err := countGroups(tx, u.ID)
		if err == nil && n > groupsPerUser {
			return overQuota("GroupsPerUser", groupsPerUser)
		}
		return err
	})
}

// Leave takes a user out of a group. It returns ErrNoEntity, also for one who is not in it.
func (c *Control) Leave(ctx context.Context, account, group, user string) error {
	return c.withMember(ctx, account, group, user, func(tx *store.Tx, g, u Entity) error {
		deleted, err := deleteMember(tx, g.ID, u.ID)
		if err == nil && !deleted {
			return errs.Say(ErrNoEntity, "User %s not in group %s", u.Name, g.Name)
		}
		return err
	})
}

func (c *Control) withMember(ctx context.Context, account, group, user string, do func(tx *store.Tx, g, u Entity) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		g, err := readEntity(tx, account, KindGroup, group)
		if err != nil {
			return err
		}
		u, err := readEntity(tx, account, KindUser, user)
		if err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		return do(tx, g, u)
	})
}

// Members returns a group and a page of its users by name, and the marker of the next page if
// there is one. It returns ErrNoEntity.
func (c *Control) Members(ctx context.Context, account, group string, p Page) (g Entity, users []Entity, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if g, err = readEntity(tx, account, KindGroup, group); err != nil {
			return err
		}
		users, next, err = page("users of "+g.ID, p, func(after string, limit int) ([]Entity, error) {
			return readMembers(tx, g.ID, after, limit)
		}, Entity.folded)
		return err
	})
	return g, users, next, err
}

// GroupsOf lists the groups of a user by name, and the marker of the next page if there is one.
// It returns ErrNoEntity.
func (c *Control) GroupsOf(ctx context.Context, account, user string, p Page) (groups []Entity, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		u, err := readEntity(tx, account, KindUser, user)
		if err != nil {
			return err
		}
		groups, next, err = page("groups of "+u.ID, p, func(after string, limit int) ([]Entity, error) {
			return readGroups(tx, u.ID, after, limit)
		}, Entity.folded)
		return err
	})
	return groups, next, err
}
