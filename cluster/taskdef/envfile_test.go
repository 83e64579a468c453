package taskdef_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/cluster/taskdef"
)

func TestEnvironmentFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "[]",
		"A=1":                     "[{A 1}]",
		"\xef\xbb\xbfA=1\r\nB=\n": "[{A 1} {B }]",
		"# A=1\n\n  B=2\n#":       "[{B 2}]",
		`A="x y" # not a comment`: `[{A "x y" # not a comment}]`,
		"A=b=c\nA=d":              "[{A b=c} {A d}]",
		"export A=1":              "line 1 does not begin with the name of a variable",
		"A=1\n=2":                 "line 2 does not begin with the name of a variable",
		"A =1":                    "line 1 does not begin with the name of a variable",
		"A=\x00":                  "line 1 does not begin with the name of a variable",
		"A":                       "line 1 has no =",
		"A=\xff":                  "it is not text in UTF-8",
	} {
		variables, err := taskdef.ParseEnvFile([]byte(text))
		got := fmt.Sprint(variables)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// What is read is what a kernel takes as an environment, and is told by its lines alone where it is not.
func FuzzEnvironmentFile(f *testing.F) {
	for _, text := range []string{"", "A=1\nB=2", "# c\r\n A==\n", "export A=1", "\xef\xbb\xbfA=\xff", "A\x00=1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		variables, err := taskdef.ParseEnvFile(text)
		if err != nil && len(variables) > 0 {
			t.Fatalf("%q: both %v and %v", text, variables, err)
		}
		for _, v := range variables {
			if v.Name == "" || strings.ContainsAny(v.Name, "= \x00\n") || strings.ContainsAny(v.Value, "\x00\n") {
				t.Fatalf("%q: %q", text, v)
			}
		}
	})
}
