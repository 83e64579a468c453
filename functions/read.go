package functions

import (
	"context"
	"errors"
	"strconv"

	"slipway/internal/page"
	"slipway/store"
)

// Version reads a function as it is, or the version that is named, or the one that the alias stands for. It returns
// ErrNoFunction.
func (c *Control) Version(ctx context.Context, r Ref) (v Version, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		f, err := c.readFunction(tx, r)
		if err != nil {
			return err
		}
		v, err = c.pointVersion(tx, &f, r)
		return err
	})
	if err != nil {
		return v, err
	}
	return v, c.open(ctx, &v)
}

// pointVersion reads the version that a name points to; an alias that shares its calls points to its own.
func (c *Control) pointVersion(tx *store.Tx, f *function, r Ref) (Version, error) {
	number := int64(0)
	switch {
	case r.Qualifier == "" || r.Qualifier == Latest:
	case isNumber(r.Qualifier):
		var err error
		if number, err = strconv.ParseInt(r.Qualifier, 10, 64); err != nil || number == 0 {
			return Version{}, c.noFunction(r)
		}
	default:
		a, err := readAlias(tx, f, r.Qualifier)
		if errors.Is(err, store.ErrNoRows) {
			err = c.noFunction(r)
		}
		if err != nil {
			return Version{}, err
		}
		number = a.Version
	}
	v, err := readVersion(tx, f, number)
	if errors.Is(err, store.ErrNoRows) {
		err = c.noFunction(r)
	}
	return v, err
}

// Page is a part of a listing.
type Page struct {
	After string // where it goes on; "": at the start
	Limit int
}

// Functions lists the functions of an account by their names, as their $LATEST; with all, every version of each. next
// is where the listing goes on; "": nowhere.
func (c *Control) Functions(ctx context.Context, account string, all bool, p Page) (found []Version, next string, err error) {
	name, number, err := splitKey(p.After)
	if err != nil {
		return nil, "", err
	}
	condition := `where f.account = $1 and (f.name > $2 or f.name = $2 and v.version > $3) and v.version = 0 order by f.name limit $4`
	if all {
		condition = `where f.account = $1 and (f.name > $2 or f.name = $2 and v.version > $3) and v.version >= 0 order by f.name, v.version limit $4`
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, err = eachVersion(tx, condition, account, []byte(name), number, p.Limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	found, next = page.Cut(found, p.Limit, func(v Version) string { return v.Name + ":" + strconv.FormatInt(v.Number, 10) })
	return found, next, c.openAll(ctx, found)
}

// Versions lists the versions of a function, $LATEST first. It returns ErrNoFunction.
func (c *Control) Versions(ctx context.Context, r Ref, p Page) (found []Version, next string, err error) {
	after, err := strconv.ParseInt("0"+p.After, 10, 64)
	if p.After == "" {
		after = goodNumber
	}
	if err != nil {
		return nil, "", page.ErrToken
	}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		f, err := c.readFunction(tx, r.Whole())
		if err != nil {
			return err
		}
		found, err = eachVersion(tx, `where v.function = $1 and v.version > $2 order by v.version limit $3`, f.id, after, p.Limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	found, next = page.Cut(found, p.Limit, func(v Version) string { return strconv.FormatInt(v.Number, 10) })
	return found, next, c.openAll(ctx, found)
}

// splitKey parts the place in a listing of versions of functions.
func splitKey(after string) (name string, number int64, err error) {
	if after == "" {
		return "", goodNumber, nil
	}
	for i := len(after) - 1; i >= 0; i-- {
		if after[i] == ':' {
			number, err = strconv.ParseInt(after[i+1:], 10, 64)
			if err == nil {
				return after[:i], number, nil
			}
			break
		}
	}
	return "", 0, page.ErrToken
}
