package functions

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/internal/page"
	"slipway/store"
)

// NewAlias is what an alias is to be. What is nil stays as it is.
type NewAlias struct {
	Version     *string             // number, or $LATEST
	Shares      *map[string]float64 // of the calls, by the number of another version: none, or one
	Description *string
}

// CreateAlias makes an alias of a function. It returns ErrNoFunction, ErrInput, ErrForm or ErrThere.
func (c *Control) CreateAlias(ctx context.Context, r Ref, n NewAlias) (a Alias, err error) {
	err = c.edit(ctx, r.Whole(), func(tx *store.Tx, f *function) error {
		a = Alias{Name: r.Qualifier, Since: tx.Now}
		_, err := readAlias(tx, f, r.Qualifier)
		if err == nil {
			return errs.Say(ErrThere, "Alias already exists: %s", c.ARN(r))
		}
		if !errors.Is(err, store.ErrNoRows) {
			return err
		}
		if err := c.aim(tx, f, &a, n); err != nil {
			return err
		}
		return a.write(tx, f)
	})
	return a, err
}

// UpdateAlias changes an alias. Calls that are under way stay where they are. It returns ErrNoFunction, ErrNoAlias,
// ErrPrecondition, ErrInput or ErrForm.
func (c *Control) UpdateAlias(ctx context.Context, r Ref, n NewAlias, must Precondition) (a Alias, err error) {
	err = c.edit(ctx, r.Whole(), func(tx *store.Tx, f *function) error {
		if a, err = c.alias(tx, f, r); err != nil {
			return err
		}
		if must.Revision != "" && must.Revision != a.Revision {
			return ErrPrecondition
		}
		was := a
		if err := c.aim(tx, f, &a, n); err != nil {
			return err
		}
		if a.Version != was.Version {
			if err := a.move(tx, f, was); err != nil {
				return err
			}
		}
		return a.write(tx, f)
	})
	return a, err
}

// move notes that the alias stands for another version from now on. What it saw of the moves of $LATEST, where it was that,
// it has seen itself.
func (a *Alias) move(tx *store.Tx, f *function, was Alias) error {
	if was.Version == 0 {
		latest, err := readVersion(tx, f, 0)
		if err != nil {
			return err
		}
		a.moves = was.moves.seen(latest.moves, was.Since)
	}
	a.Since, a.moves = tx.Now, a.moves.with(tx.Now)
	return nil
}

// alias returns ErrNoAlias.
func (c *Control) alias(tx *store.Tx, f *function, r Ref) (Alias, error) {
	a, err := readAlias(tx, f, r.Qualifier)
	if errors.Is(err, store.ErrNoRows) {
		err = c.noAlias(r)
	}
	return a, err
}

// aim makes an alias what it is to be, and checks that.
func (c *Control) aim(tx *store.Tx, f *function, a *Alias, n NewAlias) (err error) {
	if n.Description != nil {
		a.Description = *n.Description
	}
	if n.Version != nil {
		if a.Version, err = c.existing(tx, f, *n.Version); err != nil {
			return err
		}
	}
	if n.Shares != nil {
		a.Other, a.Share = 0, 0
		if len(*n.Shares) > 1 {
			return errs.Say(ErrInput, "Number of items in AdditionalVersionWeights cannot be greater than 1")
		}
		for version, share := range *n.Shares {
			if a.Other, err = c.existing(tx, f, version); err != nil {
				return err
			}
			a.Share = share
		}
	}
	switch {
	case a.Other == 0:
	case a.Version == 0:
		return errs.Say(ErrInput, "$LATEST is not supported for an alias pointing to more than 1 version")
	case a.Version == a.Other:
		return errs.Say(ErrInput, "Invalid function version %d. Function version %d is already included in routing configuration.", a.Other, a.Other)
	}
	return nil
}

// existing reads the number of a version that is there. It returns ErrNoFunction.
func (c *Control) existing(tx *store.Tx, f *function, version string) (int64, error) {
	if version == Latest {
		return 0, nil
	}
	r := Ref{f.account, f.name, version}
	if !isNumber(version) {
		return 0, c.noFunction(r)
	}
	v, err := c.pointVersion(tx, f, r)
	return v.Number, err
}

func (a *Alias) write(tx *store.Tx, f *function) error {
	a.Revision = ids.UUID()
	_, err := tx.Exec(`insert into functions_aliases (id, function, name, version, weights, description, revision, since, moves) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (id) do update set version = excluded.version, weights = excluded.weights, description = excluded.description,
		revision = excluded.revision, since = excluded.since, moves = excluded.moves`,
		f.id+"/"+a.Name, f.id, []byte(a.Name), a.Version, text(a.Shares()), a.Description, a.Revision, store.Micros(a.Since), text(a.moves))
	return err
}

// Shares is the share of its calls that an alias gives another version, by its number; nil: it gives none.
func (a *Alias) Shares() map[string]float64 {
	if a.Other == 0 {
		return nil
	}
	return map[string]float64{strconv.FormatInt(a.Other, 10): a.Share}
}

// Alias reads an alias. It returns ErrNoFunction or ErrNoAlias.
func (c *Control) Alias(ctx context.Context, r Ref) (a Alias, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		f, err := c.readFunction(tx, r.Whole())
		if err == nil {
			a, err = c.alias(tx, &f, r)
		}
		return err
	})
	return a, err
}

// DeleteAlias deletes an alias, and what is set beside it. One that is not there is deleted. It returns ErrNoFunction.
func (c *Control) DeleteAlias(ctx context.Context, r Ref) error {
	return c.edit(ctx, r.Whole(), func(tx *store.Tx, f *function) error {
		if err := forgetPlace(tx, f.id, r.Qualifier); err != nil {
			return err
		}
		_, err := tx.Exec(`delete from functions_aliases where function = $1 and name = $2`, f.id, []byte(r.Qualifier))
		return err
	})
}

// Aliases lists the aliases of a function by their names; of a version alone, if that is not "". It returns
// ErrNoFunction.
func (c *Control) Aliases(ctx context.Context, r Ref, version string, p Page) (found []Alias, next string, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found = nil
		f, err := c.readFunction(tx, r.Whole())
		if err != nil {
			return err
		}
		return tx.Each(`select `+aliasColumns+` from functions_aliases where function = $1 and name > $2 order by name`, []any{f.id, []byte(p.After)}, func(rows *sql.Rows) error {
			var a Alias
			err := a.scan(rows)
			if version == "" || a.names(version) {
				found = append(found, a)
			}
			return err
		})
	})
	found, next = page.Cut(found, p.Limit, func(a Alias) string { return a.Name })
	return found, next, err
}

// names reports whether an alias stands for a version, or gives it a share of its calls.
func (a *Alias) names(version string) bool {
	_, shares := a.Shares()[version]
	return versionName(a.Version) == version || shares
}
