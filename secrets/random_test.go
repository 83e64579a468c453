package secrets_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/secrets"
)

func TestPasswords(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := secrets.Password{
			Length: rapid.IntRange(4, 200).Draw(r, "length"), Exclude: rapid.StringMatching(`[a-z0-9!"]{0,9}`).Draw(r, "exclude"),
			NoLowercase: rapid.Bool().Draw(r, "no lowercase"), NoPunctuation: rapid.Bool().Draw(r, "no punctuation"), NoNumbers: rapid.Bool().Draw(r, "no numbers"),
		}
		made, err := p.Make()
		if err != nil {
			r.Fatal(err)
		}
		for kind, not := range map[string]bool{"abcdefghijklmnopqrstuvwxyz": p.NoLowercase, "0123456789": p.NoNumbers, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~": p.NoPunctuation, " ": true} {
			if strings.ContainsAny(made, kind) == not {
				r.Errorf("%+v made %q", p, made)
			}
		}
		if len(made) != p.Length || p.Exclude != "" && strings.ContainsAny(made, p.Exclude) {
			r.Errorf("%+v made %q", p, made)
		}
	})
	for _, p := range []secrets.Password{
		{Length: 3}, {Length: 9, NoLowercase: true, NoUppercase: true, NoNumbers: true, NoPunctuation: true},
	} {
		if made, err := p.Make(); !errors.Is(err, secrets.ErrInput) {
			t.Errorf("%+v made %q, %v", p, made, err)
		}
	}
}
