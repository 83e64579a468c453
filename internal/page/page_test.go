package page_test

import (
	"errors"
	"testing"

	"slipway/internal/page"
)

func TestTokenBelongsToItsListing(t *testing.T) {
	token := page.Token("tasks of web", "0042")

	key, err := page.Key("tasks of web", token)
	if err != nil || key != "0042" {
		t.Errorf("Key = %q, %v", key, err)
	}
	for _, bad := range []string{page.Token("tasks of db", "0042"), "%%", "AAAA", token[:4]} {
		if _, err := page.Key("tasks of web", bad); !errors.Is(err, page.ErrToken) {
			t.Errorf("token %q: error %v, want %v", bad, err, page.ErrToken)
		}
	}
}

func TestNoTokenIsTheStart(t *testing.T) {
	if key, err := page.Key("x", ""); key != "" || err != nil {
		t.Errorf("Key = %q, %v", key, err)
	}
	if token := page.Token("x", ""); token != "" {
		t.Errorf("Token = %q", token)
	}
}

func TestCut(t *testing.T) {
	self := func(s string) string { return s }
	if rows, next := page.Cut([]string{"a", "b", "c"}, 2, self); len(rows) != 2 || next != "b" {
		t.Errorf("Cut = %v, %q", rows, next)
	}
	if rows, next := page.Cut([]string{"a", "b"}, 2, self); len(rows) != 2 || next != "" {
		t.Errorf("Cut = %v, %q", rows, next)
	}
}
