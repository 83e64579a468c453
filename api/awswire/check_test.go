package awswire

import (
	"regexp"
	"strings"
	"testing"
)

// The pattern of account aliases looks ahead; as it is compiled it takes the same, from three characters on.
func TestAliasesAreMatchedWithoutLookingAhead(t *testing.T) {
	alias := regexp.MustCompile(`^(?:` + fromJava(`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`) + `)$`)
	for _, good := range []string{"abc", "a-b", "ab-c", "a-bc", "abcd", "a-b-c-d", "0-0", "sea-team", strings.Repeat("a-", 31) + "a"} {
		if !alias.MatchString(good) {
			t.Errorf("%q does not match", good)
		}
	}
	for _, bad := range []string{"", "a", "ab", "a-", "-ab", "ab-", "a--b", "ab--c", "a---b", "A-b", "a_b", "a.b", "abc\n"} {
		if alias.MatchString(bad) {
			t.Errorf("%q matches", bad)
		}
	}
}
