package seal

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"pass show slipway":       {"pass", "show", "slipway"},
		"  a\t b \n":              {"a", "b"},
		`a 'b c' "d e" f\ g`:      {"a", "b c", "d e", "f g"},
		`'' ""`:                   {"", ""},
		`a'b'"c"d`:                {"abcd"},
		`'a\b' "a\"b" \'`:         {`a\b`, `a"b`, "'"},
		"$HOME ~ * `id` $(id) ;|": {"$HOME", "~", "*", "`id`", "$(id)", ";|"},
	} {
		if got, err := splitWords(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is parted into %q, %v, want %q", line, got, err, want)
		}
	}
}

// Whatever words are quoted come back as they were.
func TestSplitWordsGivesBackWhatWasQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOf(rapid.RuneFrom([]rune("ab '\"\\$\t\nä"))), 1, 5).Draw(t, "words")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		if got, err := splitWords(strings.Join(quoted, " ")); err != nil || !slices.Equal(got, words) {
			t.Fatalf("%q came back as %q, %v", words, got, err)
		}
	})
}

func FuzzSplitWords(f *testing.F) {
	f.Add(`pass 'show it' "a\"b" c\ d`)
	f.Add(`'`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if n := len(strings.Join(words, "")); err == nil && n > len(line) {
			t.Errorf("%q has become longer: %q", line, words)
		}
	})
}
