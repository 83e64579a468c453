package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/cluster/taskdef"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/store"
)

// Definition is one revision of a task definition. All but its state is fixed for good.
type Definition struct {
	taskdef.Ref
	Account      string
	Status       string // Active, Inactive, Deleting
	Registered   time.Time
	RegisteredBy string    // ARN of the caller
	Deregistered time.Time // zero while active
	DeleteAsked  time.Time // zero unless it is on its way out
	Spec         taskdef.Spec
	Tags         []Tag
}

// Register keeps spec as the next revision of family, with what ECS fills in, after all of it was checked.
func (c *Control) Register(ctx context.Context, account, by, family string, spec taskdef.Spec, tags []Tag) (Definition, error) {
	if !taskdef.IsName(family) {
		return Definition{}, errs.Say(taskdef.ErrInvalid, "family: Invalid family name %q: up to 255 letters, digits, hyphens and underscores are allowed.", family)
	}
	spec = spec.Filled()
	if err := errors.Join(c.checkSpec(account, spec), checkTags(tags)); err != nil {
		return Definition{}, err
	}
	text, kept, err := spec.Encode()
	if err != nil {
		return Definition{}, err
	}
	var d Definition
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		d = Definition{Ref: taskdef.Ref{Family: family}, Account: account, Status: Active, Registered: tx.Now, RegisteredBy: by, Spec: kept, Tags: tags}
		if d.Revision, err = nextRevision(tx, account, family); err != nil {
			return err
		}
		if err := insertDefinition(tx, d, text); err != nil {
			return err
		}
		if err := setTags(tx, account, "task-definition/"+d.String(), tags); err != nil {
			return err
		}
		return c.tellDefinition(tx, "definition.registered", d)
	})
	return d, err
}

// checkSpec finds what is wrong with a Spec, by itself and for this Slipway.
func (c *Control) checkSpec(account string, s taskdef.Spec) error {
	if err := s.Check(c.config.Region); err != nil {
		return err
	}
	return c.checkFiles(account, s)
}

// Definition returns the revision that ref names, active or not.
func (c *Control) Definition(ctx context.Context, account string, ref taskdef.Ref) (d Definition, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		d, err = readDefinition(tx, account, ref)
		return err
	})
	return d, err
}

// Deregister makes a revision inactive: nothing new can run it, and what runs goes on.
func (c *Control) Deregister(ctx context.Context, account string, ref taskdef.Ref) (d Definition, err error) {
	if ref.Revision == 0 {
		return d, fmt.Errorf("%w: %s", ErrNoRevision, ref.Family)
	}
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		if d, err = readDefinition(tx, account, ref); err != nil || d.Status != Active {
			return err
		}
		d.Status, d.Deregistered = Inactive, tx.Now
		if err := deactivateDefinition(tx, account, ref); err != nil {
			return err
		}
		return c.tellDefinition(tx, "definition.deregistered", d)
	})
	return d, err
}

func (c *Control) tellDefinition(tx *store.Tx, kind string, d Definition) error {
	subject := DefinitionARN(c.config.Region, d.Account, d.Family, d.Revision)
	return events.Append(tx, d.Account, kind, subject, map[string]any{"family": d.Family, "revision": d.Revision})
}

// DefinitionFilter chooses revisions.
type DefinitionFilter struct {
	Family     string // "": of all
	Status     string // "": active ones
	Descending bool   // the last of family and revision first
}

// ListDefinitions names revisions by family, then revision.
func (c *Control) ListDefinitions(ctx context.Context, account string, f DefinitionFilter, page Page) (refs []taskdef.Ref, next string, err error) {
	if f.Status == "" {
		f.Status = Active
	}
	if f.Family != "" && !taskdef.IsName(f.Family) {
		return nil, "", nil // no family is called so
	}
	name := fmt.Sprintf("definitions/%s/%+v", account, f)
	return list(ctx, c.db, page, name, taskdef.Ref.String, func(tx *store.Tx, after string, limit int) ([]taskdef.Ref, error) {
		return definitionRefs(tx, account, f, after, limit)
	})
}

// ListFamilies names families that begin with prefix. Status Active wants those with an active
// revision, Inactive those with none, "" all.
func (c *Control) ListFamilies(ctx context.Context, account, prefix, status string, page Page) (families []string, next string, err error) {
	if prefix != "" && !taskdef.IsName(prefix) {
		return nil, "", nil
	}
	name := "families/" + account + "/" + prefix + "/" + status
	return list(ctx, c.db, page, name, itself, func(tx *store.Tx, after string, limit int) ([]string, error) {
		return familyNames(tx, account, prefix, status, after, limit)
	})
}

// needDefinition returns a revision that may be run.
func needDefinition(tx *store.Tx, account string, ref taskdef.Ref) (Definition, error) {
	d, err := readDefinition(tx, account, ref)
	if err == nil && d.Status != Active {
		err = fmt.Errorf("%w: %s", ErrInactiveRevision, d.Ref)
	}
	return d, err
}

// stillActive fails if the revision was deregistered meanwhile.
func stillActive(tx *store.Tx, account string, ref taskdef.Ref) error {
	active, err := exists(tx, `select 1 from definitions where account = $1 and family = $2 and revision = $3 and status = 'ACTIVE'`, account, ref.Family, ref.Revision)
	if err == nil && !active {
		err = fmt.Errorf("%w: %s", ErrInactiveRevision, ref)
	}
	return err
}
