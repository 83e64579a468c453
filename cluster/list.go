package cluster

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"slipway/internal/errs"
	"slipway/internal/page"
	"slipway/store"
)

// Page asks for a part of a listing.
type Page struct {
	Token string // "": from the start; otherwise what the page before gave as next
	Limit int    // at most so many; 0: 100
}

const defaultLimit = 100

// list reads one page of the listing called name, whose rows read returns in the order of their keys.
func list[T any](ctx context.Context, db *store.DB, p Page, name string, key func(T) string, read func(tx *store.Tx, after string, limit int) ([]T, error)) (rows []T, next string, err error) {
	if p.Limit == 0 {
		p.Limit = defaultLimit
	}
	after, err := page.Key(name, p.Token)
	if err == nil && (!utf8.ValidString(after) || strings.Contains(after, "\x00")) {
		err = page.ErrToken
	}
	if errors.Is(err, page.ErrToken) {
		return nil, "", errs.Say(ErrInvalid, "Invalid token.")
	}
	err = db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = read(tx, after, p.Limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	rows, last := page.Cut(rows, p.Limit, key)
	return rows, page.Token(name, last), nil
}

func itself(s string) string { return s }
