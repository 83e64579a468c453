// Package page makes and reads the opaque tokens of paged listings.
//
// A listing is ordered by a unique key and a token is that key, bound to what was
// listed, so that a page goes on where the last one ended whatever was added or
// removed meanwhile, and a token of one listing is refused by another.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// ErrToken is returned for a token that this listing did not give out.
var ErrToken = errors.New("invalid next token")

const markSize = 6

// Token names the last key of a page of the listing called list. An empty key ends the listing: no token.
func Token(list, key string) string {
	if key == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(mark(list), key...))
}

// Key reads a token made by Token for the same listing. No token is the start: an empty key.
func Key(list, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) <= markSize || string(b[:markSize]) != string(mark(list)) {
		return "", fmt.Errorf("%w: %s", ErrToken, token)
	}
	return string(b[markSize:]), nil
}

// Cut returns the first limit of rows, which were asked for with one row more, and the key
// to go on from: that of the last row returned, or "" when nothing is left.
func Cut[T any](rows []T, limit int, key func(T) string) ([]T, string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], key(rows[limit-1])
}

// mark is not a secret: it catches mistakes, while access is checked on every page.
func mark(list string) []byte {
	sum := sha256.Sum256([]byte(list))
	return sum[:markSize]
}
