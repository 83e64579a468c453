package ecs

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	for command, want := range map[string][]string{
		"":                                    nil,
		"  ":                                  nil,
		"/bin/sh":                             {"/bin/sh"},
		" ls  -l\t/srv\n":                     {"ls", "-l", "/srv"},
		`/bin/sh -c "ls -l | wc"`:             {"/bin/sh", "-c", "ls -l | wc"},
		`echo 'a  b' "c 'd'" e\ f`:            {"echo", "a  b", "c 'd'", "e f"},
		`echo "\$HOME \"x\" \n" '\n' a"b"'c'`: {"echo", `$HOME "x" \n`, `\n`, "abc"},
		`echo '' ""`:                          {"echo", "", ""},
	} {
		if got, err := words(command); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is split into %q, %v; want %q", command, got, err, want)
		}
	}
	for _, command := range []string{`echo "a`, `echo 'a`, `echo a\`} {
		if got, err := words(command); err == nil {
			t.Errorf("%q is split into %q", command, got)
		}
	}
}

// What is quoted as a shell wants it comes back as it was.
func TestWordsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.StringOf(rapid.SampledFrom([]rune("ab '\"\\$`\n\tü"))), 1, 5).Draw(t, "words")
		quoted := make([]string, len(want))
		for i, w := range want {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		if got, err := words(strings.Join(quoted, " ")); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q came back as %q, %v", want, got, err)
		}
	})
}
