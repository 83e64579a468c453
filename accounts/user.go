package accounts

import (
	"context"

	"slipway/store"
)

// NewUser is a user to be made.
type NewUser struct {
	Name     string
	Path     string // "/" or "/a/b/"
	Boundary string // ARN of the permissions boundary, or ""
	Tags     []Tag
}

// CreateUser makes a user, who may do nothing yet. It returns ErrName, ErrEntityExists, ErrQuota,
// ErrInput for tags, or ErrNoEntity for the boundary.
func (c *Control) CreateUser(ctx context.Context, account string, u NewUser) (Entity, error) {
	e := Entity{Account: account, Kind: KindUser, Name: u.Name, Path: u.Path, Boundary: u.Boundary}
	return c.create(ctx, e, u.Tags, func(tx *store.Tx, e *Entity) error { return checkBoundary(tx, e.Account, e.Boundary) })
}

// DeleteUser takes a user away. It returns ErrNoEntity, or ErrInUse while the user has access keys
// or policies, or is in a group.
func (c *Control) DeleteUser(ctx context.Context, account, name string) error {
	return c.delete(ctx, account, KindUser, name, freeOf(withKeys, withAttached, withInline, inGroups))
}
