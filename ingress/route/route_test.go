package route_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"slipway/ingress/route"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"/img/*", "/img/", true}, {"/img/*", "/img/a/b", true}, {"/img/*", "/img", false}, {"/img/*", "/IMG/a", false},
		{"/img/*/pics", "/img/a/pics", true}, {"/img/*/pics", "/img/pics", false}, {"*", "", true}, {"**", "x", true},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"*?", "", false}, {"*?", "x", true}, {"a*a", "a", false}, {"a*?*a", "aa", false}, {"a*?*a", "aba", true},
	} {
		if got := route.NewPattern(c.pattern, false, false).Match(c.text); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
	if !route.NewPattern(`a\*b`, true, true).Match("A*B") || route.NewPattern(`a\*b`, true, true).Match("axb") {
		t.Error("an escaped star is not a star alone")
	}
}

// expression is the regular expression that a pattern stands for.
func expression(pattern string) string {
	text := regexp.QuoteMeta(pattern)
	return `^(?s:` + strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(text) + `)$`
}

func TestPatternsAreWhatTheirExpressionsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("abA*?")), 0, 8, -1).Draw(t, "pattern")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abA")), 0, 10, -1).Draw(t, "text")
		fold := rapid.Bool().Draw(t, "fold")
		want := expression(pattern)
		if fold {
			want = "(?i)" + want
		}
		if got := route.NewPattern(pattern, fold, false).Match(text); got != regexp.MustCompile(want).MatchString(text) {
			t.Fatalf("%q matches %q: %v", pattern, text, got)
		}
	})
}

func FuzzConditions(f *testing.F) {
	for _, field := range []string{route.FieldHost, route.FieldPath, route.FieldHeader, route.FieldQuery, route.FieldMethod, route.FieldSource} {
		f.Add(field, "X-A", "a*", "k", "/a?k=a%2", "h.example:1", "a")
	}
	f.Fuzz(func(t *testing.T, field, header, value, key, target, host, sent string) {
		m, err := route.Compile([]route.Spec{{Field: field, Header: header, Values: []string{value}, Pairs: []route.Pair{{Key: key, Value: value}}}})
		if err != nil {
			return
		}
		r := httptest.NewRequest("GET", "/", nil)
		if u, err := r.URL.Parse(target); err == nil {
			r.URL = u
		}
		r.Host = host
		r.Header[http.CanonicalHeaderKey(header)] = []string{sent}
		m.Match(r, netip.MustParseAddr("192.0.2.1"))
	})
}

func TestConditions(t *testing.T) {
	r := httptest.NewRequest("PATCH", "http://WWW.example.com:8080/api/v1?user=ann&q=a%2Bb", nil)
	r.Header.Set("X-Tier", "Gold-1")
	for _, c := range []struct {
		name string
		spec route.Spec
		want bool
	}{
		{"host", route.Spec{Field: route.FieldHost, Values: []string{"*.example.com"}}, true},
		{"another host", route.Spec{Field: route.FieldHost, Values: []string{"example.com"}}, false},
		{"path", route.Spec{Field: route.FieldPath, Values: []string{"/x", "/api/*"}}, true},
		{"header", route.Spec{Field: route.FieldHeader, Header: "x-tier", Values: []string{"gold*"}}, true},
		{"no such header", route.Spec{Field: route.FieldHeader, Header: "x-none", Values: []string{"*"}}, false},
		{"query", route.Spec{Field: route.FieldQuery, Pairs: []route.Pair{{Key: "USER", Value: "a?n"}}}, true},
		{"any key", route.Spec{Field: route.FieldQuery, Pairs: []route.Pair{{Value: "a+b"}}}, true},
		{"another key", route.Spec{Field: route.FieldQuery, Pairs: []route.Pair{{Key: "q", Value: "ann"}}}, false},
		{"method", route.Spec{Field: route.FieldMethod, Values: []string{"GET", "PATCH"}}, true},
		{"source", route.Spec{Field: route.FieldSource, Values: []string{"192.0.2.0/24"}}, true},
		{"another source", route.Spec{Field: route.FieldSource, Values: []string{"2001:db8::/32"}}, false},
	} {
		m, err := route.Compile([]route.Spec{c.spec})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Match(r, netip.MustParseAddr("192.0.2.7")); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestBadConditionsAreNamed(t *testing.T) {
	for _, s := range []route.Spec{
		{Field: "moon", Values: []string{"x"}}, {Field: route.FieldHost}, {Field: route.FieldPath, Values: []string{strings.Repeat("x", 129)}},
		{Field: route.FieldSource, Values: []string{"192.0.2.1"}}, {Field: route.FieldMethod, Values: []string{"get"}}, {Field: route.FieldHeader, Header: "a b", Values: []string{"x"}},
	} {
		if _, err := route.Compile([]route.Spec{s}); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

func TestRedirects(t *testing.T) {
	r := httptest.NewRequest("GET", "http://a.example:8080/x/y?q=1", nil)
	all := route.Redirect{Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/#{path}", Query: "#{query}"}
	if got := all.Location(r, 8080); got != "http://a.example:8080/x/y?q=1" {
		t.Error(got)
	}
	secure := route.Redirect{Protocol: "HTTPS", Host: "b.#{host}", Port: "443", Path: "/new/#{path}", Query: ""}
	if got := secure.Location(r, 8080); got != "https://b.a.example/new/x/y" {
		t.Error(got)
	}
}

func BenchmarkMatch(b *testing.B) {
	m, err := route.Compile([]route.Spec{{Field: route.FieldHost, Values: []string{"*.example.com"}}, {Field: route.FieldPath, Values: []string{"/api/*"}}})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://www.example.com/api/v1", nil)
	for b.Loop() {
		m.Match(r, netip.Addr{})
	}
}
