package accounts

import (
	"cmp"
	"context"
	"time"

	"slipway/store"
)

// NewRole is a role to be made.
type NewRole struct {
	Name        string
	Path        string // "/" or "/a/b/"
	Description string
	Trust       string        // the policy that says who may assume it
	MaxSession  time.Duration // 0: an hour
	Boundary    string        // ARN of the permissions boundary, or ""
	Tags        []Tag
}

// CreateRole makes a role, which may do nothing yet. It returns ErrName, ErrEntityExists, ErrQuota,
// ErrMalformed for its trust, ErrInput for tags, or ErrNoEntity for the boundary.
func (c *Control) CreateRole(ctx context.Context, account string, r NewRole) (Entity, error) {
	e := Entity{
		Account: account, Kind: KindRole, Name: r.Name, Path: r.Path, Description: r.Description, Trust: r.Trust,
		MaxSession: cmp.Or(r.MaxSession, time.Hour), Boundary: r.Boundary,
	}
	return c.create(ctx, e, r.Tags, func(tx *store.Tx, e *Entity) (err error) {
		if e.Trust, err = keepTrust(tx, account, e.Trust); err != nil {
			return err
		}
		return checkBoundary(tx, e.Account, e.Boundary)
	})
}

// Role returns a role as it is shown: with the ARNs of those that its trust names. It returns ErrNoEntity.
func (c *Control) Role(ctx context.Context, account, name string) (e Entity, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		if e, err = readEntity(tx, account, KindRole, name); err != nil {
			return err
		}
		shown := []Entity{e}
		err = showTrusts(tx, shown)
		e = shown[0]
		return err
	})
	return e, err
}

// RoleChange is what of a role is to be otherwise; what is nil stays.
type RoleChange struct {
	Description *string
	MaxSession  *time.Duration
	Trust       *string
}

// ChangeRole changes a role. Sessions that were made stay. It returns ErrNoEntity, ErrUnmodifiable
// for more than the description of a service-linked role, or ErrMalformed and ErrQuota for its trust.
func (c *Control) ChangeRole(ctx context.Context, account, name string, to RoleChange) error {
	return c.rewrite(ctx, account, KindRole, name, func(tx *store.Tx, e *Entity) (err error) {
		if to.Trust != nil || to.MaxSession != nil && *to.MaxSession != e.MaxSession {
			if err := checkModifiable(*e); err != nil {
				return err
			}
		}
		if to.Description != nil {
			e.Description = *to.Description
		}
		if to.MaxSession != nil {
			e.MaxSession = *to.MaxSession
		}
		if to.Trust != nil {
			e.Trust, err = keepTrust(tx, account, *to.Trust)
		}
		return err
	})
}

// DeleteRole takes a role away, and with it its sessions. It returns ErrNoEntity, ErrUnmodifiable,
// or ErrInUse while the role has policies or is in an instance profile.
func (c *Control) DeleteRole(ctx context.Context, account, name string) error {
	return c.delete(ctx, account, KindRole, name, freeOf(withAttached, withInline, inProfiles))
}
