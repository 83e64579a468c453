package accounts

import (
	"cmp"

	keyset "slipway/internal/page"

	"slipway/internal/errs"
)

// Page says which part of a listing is wanted.
type Page struct {
	Limit  int    // how much at most; 0: 100
	Marker string // where the page before ended; "" is the first page
}

// page fetches one page of a listing that is ordered by a key, and the marker of the next one, ""
// if this is the last. fetch returns at most limit rows after a key. It returns ErrToken for a
// marker of another listing.
func page[T any](list string, p Page, fetch func(after string, limit int) ([]T, error), key func(T) string) ([]T, string, error) {
	after, err := keyset.Key(list, p.Marker)
	if err != nil {
		return nil, "", errs.Say(ErrToken, "Invalid Marker.")
	}
	limit := cmp.Or(p.Limit, 100)
	rows, err := fetch(after, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, last := keyset.Cut(rows, limit, key)
	return rows, keyset.Token(list, last), nil
}
