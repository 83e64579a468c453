package policy

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// naive matches a pattern of "*" and "?" the slow and obvious way.
func naive(pattern, text []rune) bool {
	// reach[i] says that the pattern so far can match text[:i].
	reach := make([]bool, len(text)+1)
	reach[0] = true
	for _, p := range pattern {
		next := make([]bool, len(text)+1)
		for i, ok := range reach {
			switch {
			case !ok:
			case p == '*':
				for j := i; j <= len(text); j++ {
					next[j] = true
				}
			case i < len(text) && (p == '?' || p == text[i]):
				next[i+1] = true
			}
		}
		reach = next
	}
	return reach[len(text)]
}

// fewLetters draws texts in which matches are likely.
func fewLetters(letters string, most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]rune(letters)), 0, most).Draw(t, "letters"))
	})
}

// veil draws a pattern that is likely to match a text: it puts wildcards over parts of it.
func veil(t *rapid.T, text string) string {
	var out strings.Builder
	for _, r := range text {
		switch rapid.IntRange(0, 5).Draw(t, "cover") {
		case 0:
			out.WriteByte('*')
		case 1:
			out.WriteByte('?')
		case 2: // left out
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func TestWildcardsMatchAsTheObviousWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := fewLetters("abü", 14).Draw(t, "text")
		source := fewLetters("abü**??", 12).Draw(t, "pattern")
		if rapid.Bool().Draw(t, "likely") {
			source = veil(t, text)
		}
		p, err := compilePattern(source, syntax{wild: true})
		if err != nil {
			t.Fatal(err)
		}
		want := naive([]rune(source), []rune(text))
		if got := p.match(nil, text) == yes; got != want {
			t.Fatalf("%q matches %q: %v, want %v", source, text, got, want)
		}
		upper := strings.Map(func(r rune) rune {
			if r < 128 {
				return unicode.ToUpper(r)
			}
			return r
		}, text)
		if got := p.matchFold(upper); got != want {
			t.Fatalf("ignoring case %q matches %q: %v, want %v", source, upper, got, want)
		}
	})
}

func TestManyMarksMatchAsTheObviousWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := fewLetters("abü", 90).Draw(t, "text")
		source := "*" + veil(t, text) + "??a???????" + fewLetters("ab???", 80).Draw(t, "stretch") + "*" + fewLetters("ab", 2).Draw(t, "end")
		p, err := compilePattern(source, syntax{wild: true})
		if err != nil {
			t.Fatal(err)
		}
		text += fewLetters("aaab", 90).Draw(t, "more")
		if got, want := p.match(nil, text) == yes, naive([]rune(source), []rune(text)); got != want {
			t.Fatalf("%q matches %q: %v, want %v", source, text, got, want)
		}
	})
}

func TestVariablesMatchAsTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := fewLetters("ab*?", 5).Draw(t, "before"), fewLetters("ab*?", 5).Draw(t, "after")
		value := fewLetters("ab", 4).Draw(t, "value")
		text := fewLetters("ab", 10).Draw(t, "text")
		p, err := compilePattern(before+"${k:v}"+after, syntax{wild: true, vars: true})
		if err != nil {
			t.Fatal(err)
		}
		want := naive([]rune(before+value+after), []rune(text))
		if got := p.match(keys{"k:v": {value}}, text) == yes; got != want {
			t.Fatalf("%s with %q matches %q: %v, want %v", before+"${k:v}"+after, value, text, got, want)
		}
		if p.match(nil, text) != unresolved {
			t.Fatal("a variable without a value is resolved")
		}
	})
}

func TestWildcards(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"?", "", false}, {"?*", "", false}, {"*?", "a", true},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"*?b*", "aaba", true}, {"*a?c*", "abdabc", true}, {"*a?c*", "abdabd", false},
		{"*ab", "abab", true}, {"*ab*ab", "ab", false}, {"**a**", "bab", true}, {"*a*b*c*", "xaxbxcx", true}, {"*a*c*b*", "xaxbxcx", false},
		{"*a????????ü*", "xa12345678üx", true}, {"*a????????ü*", "xa1234567üx", false}, {"*????????\ufffd*", "12345678\xff", false},
		{"*????????\ufffd*", "12345678\ufffd", true}, {"*" + strings.Repeat("?", 64) + "b*", strings.Repeat("a", 64) + "b", true},
		{"*" + strings.Repeat("?", 64) + "b*", strings.Repeat("a", 63) + "b", false}, {"*" + strings.Repeat("?", 63) + "b*", strings.Repeat("a", 63) + "bc", true},
		{"?", "ü", true}, {"?", "\xff", true}, {"*?", "\xe2\x82", true}, {"??", "ü", false},
	} {
		p, err := compilePattern(test.pattern, syntax{wild: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.match(nil, test.text) == yes; got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.text, got)
		}
	}
}

// Patterns that take an exponential matcher the age of the universe.
func TestWildcardsAreBounded(t *testing.T) {
	text := strings.Repeat("a", 2048)
	for _, source := range []string{
		strings.Repeat("a*", 500) + "b",
		strings.Repeat("*a", 500) + "b",
		strings.Repeat("*", 2000) + "b",
		strings.Repeat("?*", 500) + "b",
		"*" + strings.Repeat("a?", 400) + "b*",
		"*" + strings.Repeat("?", 2000) + "b",
	} {
		p, err := compilePattern(source, syntax{wild: true})
		if err != nil || p.match(nil, text) != no || p.matchFold(text) {
			t.Errorf("%.20s...: %v", source, err)
		}
	}
}

func BenchmarkPattern(b *testing.B) {
	text := strings.Repeat("a", 2048)
	for name, source := range map[string]string{
		"literal": text, "prefix": text[:1000] + "*", "runs": strings.Repeat("a*", 100) + "b",
		"worst": "*" + strings.Repeat("a?", 400) + "b*",
	} {
		p, err := compilePattern(source, syntax{wild: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.match(nil, text)
			}
		})
	}
}
