package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"slipway/events"
	"slipway/internal/errs"
	"slipway/store"
)

// Definition is one revision of a task definition. All but its state is fixed for good.
type Definition struct {
	Ref
	Account      string
	Status       string // Active, Inactive, Deleting
	Registered   time.Time
	RegisteredBy string    // ARN of the caller
	Deregistered time.Time // zero while active
	DeleteAsked  time.Time // zero unless it is on its way out
	Spec         Spec
	Tags         []Tag
}

// Ref names a revision of a family. Revision 0 is its latest active one.
type Ref struct {
	Family   string
	Revision int
}

func (r Ref) String() string { return r.Family + ":" + strconv.Itoa(r.Revision) }

// ParseRef reads "family" or "family:revision".
func ParseRef(s string) (Ref, error) {
	family, revision, given := strings.Cut(s, ":")
	if !namePattern.MatchString(family) {
		return Ref{}, fmt.Errorf("%w: %q", ErrNoDefinition, s)
	}
	if !given {
		return Ref{Family: family}, nil
	}
	n, err := strconv.ParseInt(revision, 10, 32)
	if err != nil || n < 1 {
		return Ref{}, errs.Say(ErrInvalid, "Invalid revision number. Number: %s", revision)
	}
	return Ref{family, int(n)}, nil
}

// Register keeps spec as the next revision of family, with what ECS fills in, after all of it was checked.
func (c *Control) Register(ctx context.Context, account, by, family string, spec Spec, tags []Tag) (Definition, error) {
	if !namePattern.MatchString(family) {
		return Definition{}, errs.Say(ErrDefinition, "family: Invalid family name %q: up to 255 letters, digits, hyphens and underscores are allowed.", family)
	}
	spec = spec.filled()
	if err := errors.Join(c.checkSpec(account, spec), checkTags(tags)); err != nil {
		return Definition{}, err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return Definition{}, err
	}
	if len(text) > maxSpecBytes {
		return Definition{}, errs.Say(ErrDefinition, "Actual length: '%d'. Max allowed length is '%d' bytes.", len(text), maxSpecBytes)
	}
	var kept Spec // as everybody will read it: an empty list is none
	if err := json.Unmarshal(text, &kept); err != nil {
		return Definition{}, err
	}
	var d Definition
	err = c.db.Update(ctx, func(tx *store.Tx) error {
		d = Definition{Ref: Ref{family, 0}, Account: account, Status: Active, Registered: tx.Now, RegisteredBy: by, Spec: kept, Tags: tags}
		if d.Revision, err = nextRevision(tx, account, family); err != nil {
			return err
		}
		if err := insertDefinition(tx, d, string(text)); err != nil {
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
func (c *Control) checkSpec(account string, s Spec) error {
	if err := s.check(c.config.Region); err != nil {
		return err
	}
	return c.checkFiles(account, s)
}

// Definition returns the revision that ref names, active or not.
func (c *Control) Definition(ctx context.Context, account string, ref Ref) (d Definition, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		d, err = readDefinition(tx, account, ref)
		return err
	})
	return d, err
}

// Deregister makes a revision inactive: nothing new can run it, and what runs goes on.
func (c *Control) Deregister(ctx context.Context, account string, ref Ref) (d Definition, err error) {
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
func (c *Control) ListDefinitions(ctx context.Context, account string, f DefinitionFilter, page Page) (refs []Ref, next string, err error) {
	if f.Status == "" {
		f.Status = Active
	}
	if f.Family != "" && !namePattern.MatchString(f.Family) {
		return nil, "", nil // no family is called so
	}
	name := fmt.Sprintf("definitions/%s/%+v", account, f)
	return list(ctx, c.db, page, name, Ref.String, func(tx *store.Tx, after string, limit int) ([]Ref, error) {
		return definitionRefs(tx, account, f, after, limit)
	})
}

// ListFamilies names families that begin with prefix. Status Active wants those with an active
// revision, Inactive those with none, "" all.
func (c *Control) ListFamilies(ctx context.Context, account, prefix, status string, page Page) (families []string, next string, err error) {
	if prefix != "" && !namePattern.MatchString(prefix) {
		return nil, "", nil
	}
	name := "families/" + account + "/" + prefix + "/" + status
	return list(ctx, c.db, page, name, itself, func(tx *store.Tx, after string, limit int) ([]string, error) {
		return familyNames(tx, account, prefix, status, after, limit)
	})
}

// needDefinition returns a revision that may be run.
func needDefinition(tx *store.Tx, account string, ref Ref) (Definition, error) {
	d, err := readDefinition(tx, account, ref)
	if err == nil && d.Status != Active {
		err = fmt.Errorf("%w: %s", ErrInactiveRevision, d.Ref)
	}
	return d, err
}

// stillActive fails if the revision was deregistered meanwhile.
func stillActive(tx *store.Tx, account string, ref Ref) error {
	active, err := exists(tx, `select 1 from definitions where account = $1 and family = $2 and revision = $3 and status = 'ACTIVE'`, account, ref.Family, ref.Revision)
	if err == nil && !active {
		err = fmt.Errorf("%w: %s", ErrInactiveRevision, ref)
	}
	return err
}
