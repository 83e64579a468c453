package accounts

import (
	"context"

	"slipway/store"
)

// CreateProfile makes an instance profile, which has no role yet. It returns ErrName,
// ErrEntityExists, ErrQuota, or ErrInput for tags.
func (c *Control) CreateProfile(ctx context.Context, account, name, path string, tags []Tag) (Entity, error) {
	e := Entity{Account: account, Kind: KindProfile, Name: name, Path: path}
	return c.create(ctx, e, tags, func(*store.Tx, *Entity) error { return nil })
}

// DeleteProfile takes an instance profile away. It returns ErrNoEntity, or ErrInUse while it has a role.
func (c *Control) DeleteProfile(ctx context.Context, account, name string) error {
	return c.delete(ctx, account, KindProfile, name, freeOf(withRole))
}

// Fill puts a role into an instance profile, which can have one. It returns ErrNoEntity, ErrQuota
// or ErrUnmodifiable.
func (c *Control) Fill(ctx context.Context, account, profile, role string) error {
	return c.withProfile(ctx, account, profile, role, func(tx *store.Tx, p, r Entity) error {
		inserted, err := insertProfileRole(tx, p.ID, r.ID)
		if err == nil && !inserted {
			return overQuota("InstanceSessionsPerInstanceProfile", 1)
		}
		return err
	})
}

// Empty takes a role out of an instance profile. It returns ErrNoEntity, also when the role is not
// in it, or ErrUnmodifiable.
func (c *Control) Empty(ctx context.Context, account, profile, role string) error {
	return c.withProfile(ctx, account, profile, role, func(tx *store.Tx, p, r Entity) error {
		deleted, err := deleteProfileRole(tx, p.ID, r.ID)
		if err == nil && !deleted {
			return noEntity(KindRole, role)
		}
		return err
	})
}

func (c *Control) withProfile(ctx context.Context, account, profile, role string, do func(tx *store.Tx, p, r Entity) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		p, err := readEntity(tx, account, KindProfile, profile)
		if err != nil {
			return err
		}
		r, err := modifiable(tx, account, KindRole, role)
		if err != nil {
			return err
		}
		return do(tx, p, r)
	})
}

// Profile is an instance profile with what is in it.
type Profile struct {
	Entity
	Roles []Entity // one or none, as shown
}

// Profile returns an instance profile, or ErrNoEntity.
func (c *Control) Profile(ctx context.Context, account, name string) (p Profile, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := readEntity(tx, account, KindProfile, name)
		if err != nil {
			return err
		}
		filled, err := withRoles(tx, []Entity{e})
		if err == nil {
			p = filled[0]
		}
		return err
	})
	return p, err
}

// Profiles lists the instance profiles whose path begins with prefix, by name, and the marker of
// the next page if there is one.
func (c *Control) Profiles(ctx context.Context, account, prefix string, p Page) (list []Profile, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		var found []Entity
		found, next, err = page("profiles of "+account+" under "+prefix, p, func(after string, limit int) ([]Entity, error) {
			return listEntities(tx, account, KindProfile, prefix, after, limit)
		}, Entity.folded)
		if err != nil {
			return err
		}
		list, err = withRoles(tx, found)
		return err
	})
	return list, next, err
}

// ProfilesOf lists the instance profiles that a role is in, by name, and the marker of the next
// page if there is one. It returns ErrNoEntity.
func (c *Control) ProfilesOf(ctx context.Context, account, role string, p Page) (list []Profile, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		r, err := readEntity(tx, account, KindRole, role)
		if err != nil {
			return err
		}
		found, marker, err := page("profiles of "+r.ID, p, func(after string, limit int) ([]Entity, error) {
			return readProfilesOf(tx, r.ID, after, limit)
		}, Entity.folded)
		if err != nil {
			return err
		}
		next = marker
		list, err = withRoles(tx, found)
		return err
	})
	return list, next, err
}

// withRoles adds to instance profiles the roles that are in them.
func withRoles(tx *store.Tx, found []Entity) ([]Profile, error) {
	list := make([]Profile, len(found))
	for i, e := range found {
		roles, err := readProfileRoles(tx, e.ID)
		if err != nil {
			return nil, err
		}
		if err := showTrusts(tx, roles); err != nil {
			return nil, err
		}
		list[i] = Profile{e, roles}
	}
	return list, nil
}
