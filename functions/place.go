package functions

import (
	"context"
	"errors"
	"strconv"

	"slipway/store"
)

// place is what something is set beside: a function, a version or an alias of it.
type place struct {
	Ref
	function
	version int64 // that is meant now; 0: $LATEST
}

// What is set beside places as JSON.
const (
	kindPolicy = "policy"
	kindEvent  = "event" // EventConfig
)

// place finds a function by its name, and that its version or alias is there. The $LATEST of a function is the
// function. It returns ErrNoFunction or ErrNoAlias.
func (c *Control) place(tx *store.Tx, r Ref) (place, error) {
	if r.Qualifier == Latest {
		r.Qualifier = ""
	}
	f, err := c.readFunction(tx, r.Whole())
	p := place{Ref: r, function: f}
	if err == nil && r.Qualifier != "" {
		p.version, err = c.versionOf(tx, p)
	}
	return p, err
}

// versionOf is the version that a qualifier means.
func (c *Control) versionOf(tx *store.Tx, p place) (version int64, err error) {
	query, name, missing := `select version from functions_aliases where function = $1 and name = $2`, any([]byte(p.Qualifier)), c.noAlias
	if isNumber(p.Qualifier) {
		n, err := strconv.ParseInt(p.Qualifier, 10, 64)
		if err != nil || n == 0 {
			return 0, c.noFunction(p.Ref)
		}
		query, name, missing = `select version from functions_versions where function = $1 and version = $2`, n, c.noFunction
	}
	err = tx.Row(query, p.id, name).Scan(&version)
	if errors.Is(err, store.ErrNoRows) {
		err = missing(p.Ref)
	}
	return version, err
}

// viewPlace reads something beside a place.
func (c *Control) viewPlace(ctx context.Context, r Ref, f func(*store.Tx, place) error) error {
	return c.db.View(ctx, func(tx *store.Tx) error {
		p, err := c.place(tx, r)
		if err == nil {
			err = f(tx, p)
		}
		return err
	})
}

// editPlace changes something beside a place.
func (c *Control) editPlace(ctx context.Context, r Ref, f func(*store.Tx, place) error) error {
	return c.write(ctx, func(tx *store.Tx) error {
		p, err := c.place(tx, r)
		if err == nil {
			err = f(tx, p)
		}
		if err == nil {
			err = bump(tx, p.id)
		}
		return err
	})
}

// Exists returns ErrNoFunction or ErrNoAlias unless a function, a version or an alias is there.
func (c *Control) Exists(ctx context.Context, r Ref) error {
	return c.viewPlace(ctx, r, func(*store.Tx, place) error { return nil })
}

// forgetPlace takes away what is set beside a version or alias that is deleted.
func forgetPlace(tx *store.Tx, function, qualifier string) error {
	for _, table := range []string{"functions_beside", "functions_provisioned", "functions_urls"} {
		if _, err := tx.Exec(`delete from `+table+` where function = $1 and qualifier = $2`, function, []byte(qualifier)); err != nil {
			return err
		}
	}
	return nil
}
