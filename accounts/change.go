package accounts

import (
	"context"
	"errors"
	"fmt"

	"slipway/internal/errs"
	"slipway/store"
)

// Entity returns an entity by its name, or ErrNoEntity.
func (c *Control) Entity(ctx context.Context, account string, kind Kind, name string) (e Entity, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err = readEntity(tx, account, kind, name)
		return err
	})
	return e, err
}

// EntityOf returns an entity of an account by its unique id, or ErrNoEntity.
func (c *Control) EntityOf(ctx context.Context, account, id string) (e Entity, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err = readEntityID(tx, id)
		if errors.Is(err, store.ErrNoRows) || err == nil && e.Account != account {
			return fmt.Errorf("%w: %s", ErrNoEntity, id)
		}
		return err
	})
	return e, err
}

// Entities lists those of a kind whose path begins with prefix, by name, and the marker of the
// next page if there is one. The trust of roles is as Trust shows it.
func (c *Control) Entities(ctx context.Context, account string, kind Kind, prefix string, p Page) (list []Entity, next string, err error) {
	listing := string(kind) + " of " + account + " under " + prefix
	err = c.db.View(ctx, func(tx *store.Tx) error {
		list, next, err = page(listing, p, func(after string, limit int) ([]Entity, error) {
			return listEntities(tx, account, kind, prefix, after, limit)
		}, Entity.folded)
		if err != nil {
			return err
		}
		return showTrusts(tx, list)
	})
	return list, next, err
}

// create adds an entity with its tags, once ready has looked at it in the same transaction.
func (c *Control) create(ctx context.Context, e Entity, tags []Tag, ready func(*store.Tx, *Entity) error) (Entity, error) {
	e.ID = e.Kind.newID()
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		made := e
		if err := ready(tx, &made); err != nil {
			return err
		}
		if err := addEntity(tx, &made); err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		e.Created, e.Updated = made.Created, made.Updated
		return addTags(tx, made, tags)
	})
	return e, err
}

// change rewrites what an entity is, with everything that hangs on it left as it is. It returns
// ErrNoEntity, ErrUnmodifiable, or what f does.
func (c *Control) change(ctx context.Context, account string, kind Kind, name string, f func(*store.Tx, *Entity) error) error {
	return c.rewrite(ctx, account, kind, name, func(tx *store.Tx, e *Entity) error {
		if err := checkModifiable(*e); err != nil {
			return err
		}
		return f(tx, e)
	})
}

// rewrite is change for what may be changed of service-linked roles too.
func (c *Control) rewrite(ctx context.Context, account string, kind Kind, name string, f func(*store.Tx, *Entity) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := readEntity(tx, account, kind, name)
		if err != nil {
			return err
		}
		if err := f(tx, &e); err != nil {
			return err
		}
		tx.Touch(rightsTopic)
		return updateEntity(tx, e)
	})
}

// Rename gives a user or group another name, another path, or both; "" keeps the one it has. Its
// id, its policies and its memberships stay. It returns ErrNoEntity, ErrName or ErrEntityExists.
func (c *Control) Rename(ctx context.Context, account string, kind Kind, name, newName, newPath string) error {
	return c.change(ctx, account, kind, name, func(tx *store.Tx, e *Entity) error {
		if newName != "" && fold(newName) != e.folded() {
			if taken, err := hasEntity(tx, account, kind, newName); err != nil {
				return err
			} else if taken {
				return errs.Say(ErrEntityExists, kinds[kind].taken, newName)
			}
		}
		e.rename(newName, newPath)
		tx.Touch(keysTopic) // keys speak for the ARN
		return e.check()
	})
}

// delete takes an entity away, once free has seen that nothing hangs on it.
func (c *Control) delete(ctx context.Context, account string, kind Kind, name string, free func(*store.Tx, Entity) error) error {
	return c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := modifiable(tx, account, kind, name)
		if err != nil {
			return err
		}
		if err := free(tx, e); err != nil {
			return err
		}
		tx.Touch(keysTopic)
		tx.Touch(rightsTopic)
		return deleteEntity(tx, e.ID)
	})
}

// modifiable is readEntity for those who want to change the entity: it returns ErrUnmodifiable for
// service-linked roles.
func modifiable(tx *store.Tx, account string, kind Kind, name string) (Entity, error) {
	e, err := readEntity(tx, account, kind, name)
	if err != nil {
		return e, err
	}
	return e, checkModifiable(e)
}

// checkModifiable refuses service-linked roles, of which only the description and the tags are their
// account's. Source: IAM User Guide, "Create a service-linked role".
func checkModifiable(e Entity) error {
	if e.Service == "" {
		return nil
	}
	return errs.Say(ErrUnmodifiable, "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", e.Name)
}

// obstacle is something that hangs on an entity and keeps it from being deleted.
type obstacle struct {
	found func(tx *store.Tx, id string) (bool, error)
	must  string // AWS's words for what is to be done first
}

// freeOf refuses to delete an entity that something hangs on.
func freeOf(obstacles ...obstacle) func(*store.Tx, Entity) error {
	return func(tx *store.Tx, e Entity) error {
		for _, o := range obstacles {
			found, err := o.found(tx, e.ID)
			if err != nil {
				return err
			}
			if found {
				return errs.Say(ErrInUse, "Cannot delete entity, must %s first.", o.must)
			}
		}
		return nil
	}
}

var (
	withKeys     = obstacle{hasRow("access_keys", "owner"), "delete access keys"}
	withAttached = obstacle{hasRow("attachments", "entity"), "detach all policies"}
	withInline   = obstacle{hasRow("inline_policies", "entity"), "delete policies"}
	inGroups     = obstacle{hasRow("members", "user_id"), "remove users from group"}
	withUsers    = obstacle{hasRow("members", "group_id"), "remove users from group"}
	inProfiles   = obstacle{hasRow("profile_roles", "role"), "remove roles from instance profile"}
	withRole     = obstacle{hasRow("profile_roles", "profile"), "remove roles from instance profile"}
)
