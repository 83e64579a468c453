package functions

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"slipway/internal/errs"
	"slipway/store"
)

// Delete deletes a function with its versions and aliases, or the version that is named; a version that is not there
// is deleted. Calls that run are not cut off. It returns ErrNoFunction, ErrInput for $LATEST and aliases, or ErrThere
// for a version that an alias stands for.
func (c *Control) Delete(ctx context.Context, r Ref) error {
	switch {
	case r.Qualifier == "":
		return c.deleteFunction(ctx, r)
	case r.Qualifier == Latest:
		return errs.Say(ErrInput, "$LATEST version cannot be deleted without deleting the function.")
	case !isNumber(r.Qualifier):
		return errs.Say(ErrInput, "Deletion of aliases is not currently supported.")
	}
	return c.deleteVersion(ctx, r)
}

func (c *Control) deleteFunction(ctx context.Context, r Ref) error {
	err := c.edit(ctx, r, func(tx *store.Tx, f *function) error {
		v, err := readVersion(tx, f, 0)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`delete from functions_functions where id = $1`, f.id); err != nil {
			return err
		}
		return c.tell(tx, "function.deleted", v)
	})
	if err == nil {
		c.retire(ctx, r.Account, c.ARN(r), "")
	}
	return err
}

func (c *Control) deleteVersion(ctx context.Context, r Ref) error {
	number, err := strconv.ParseInt(r.Qualifier, 10, 64)
	if err != nil || number == 0 {
		return c.noFunction(r)
	}
	release := ""
	err = c.edit(ctx, r.Whole(), func(tx *store.Tx, f *function) error {
		v, err := readVersion(tx, f, number)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = checkUnnamed(tx, f, number)
		}
		if err == nil {
			err = forgetPlace(tx, f.id, r.Qualifier)
		}
		if err == nil {
			_, err = tx.Exec(`delete from functions_versions where id = $1`, v.id)
		}
		if err != nil {
			return err
		}
		release = v.Release
		return c.tell(tx, "function.deleted", v)
	})
	if err == nil && release != "" {
		c.retire(ctx, r.Account, c.ARN(r.Whole()), release)
	}
	return err
}

// checkUnnamed returns ErrThere where an alias stands for the version, or gives it a share of its calls.
func checkUnnamed(tx *store.Tx, f *function, number int64) error {
	var names []string
	err := eachAlias(tx, f, func(a Alias) {
		if a.Version == number || a.Other == number {
			names = append(names, a.Name)
		}
	})
	if err == nil && len(names) > 0 {
		err = errs.Say(ErrThere, "Cannot delete version %d because it is referenced by alias(es): %s", number, strings.Join(names, ", "))
	}
	return err
}

func eachAlias(tx *store.Tx, f *function, do func(Alias)) error {
	return tx.Each(`select `+aliasColumns+` from functions_aliases where function = $1 order by name`, []any{f.id}, func(rows *sql.Rows) error {
		var a Alias
		err := a.scan(rows)
		do(a)
		return err
	})
}
