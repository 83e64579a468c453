// Package route decides which rule of a listener a request falls under. It is a pure core: it knows neither
// sockets nor tables.
//
// Source: Application Load Balancers, "Condition types for listener rules".
package route

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"slipway/internal/lazyregexp"
)

// What a condition looks at, by AWS's names.
const (
	FieldHost   = "host-header"
	FieldPath   = "path-pattern"
	FieldHeader = "http-header"
	FieldQuery  = "query-string"
	FieldMethod = "http-request-method"
	FieldSource = "source-ip"
)

// Spec is a condition as it is given and kept.
type Spec struct {
	Field  string   `json:"field"`
	Header string   `json:"header,omitempty"` // of FieldHeader
	Values []string `json:"values,omitempty"` // one of them has to match; all fields but FieldQuery
	Pairs  []Pair   `json:"pairs,omitempty"`  // of FieldQuery: one of them has to match
}

// Pair is a parameter of a query string. With no key, the value of any parameter may match.
type Pair struct {
	Key   string `json:"key,omitempty"`
	Value string `json:"value"`
}

// maxPattern is how many characters a pattern has at most. Source: "Condition types for listener rules".
const maxPattern = 128

// Condition is a condition that is ready to be asked.
type Condition struct {
	field    string
	header   string
	patterns []Pattern
	pairs    []pair
	methods  []string
	nets     []netip.Prefix
}

type pair struct {
	anyKey     bool
	key, value Pattern
}

// Matcher is all conditions of a rule. Without conditions every request matches.
type Matcher []Condition

// Compile makes conditions ready, or says what is wrong with one of them.
func Compile(specs []Spec) (Matcher, error) {
	m := make(Matcher, len(specs))
	for i, s := range specs {
		c, err := compile(s)
		if err != nil {
			return nil, err
		}
		m[i] = c
	}
	return m, nil
}

var (
	methodForm = lazyregexp.New(`^[A-Z_-]{1,40}$`)
	headerForm = lazyregexp.New("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}$")
)

func compile(s Spec) (c Condition, err error) {
	c = Condition{field: s.Field, header: http.CanonicalHeaderKey(s.Header)}
	if len(s.Values)+len(s.Pairs) == 0 {
		return c, fmt.Errorf("a condition of field '%s' must have at least one value", s.Field)
	}
	switch s.Field {
	case FieldHost, FieldPath, FieldHeader:
		if s.Field == FieldHeader && !headerForm.MatchString(s.Header) {
			return c, fmt.Errorf("'%s' is not the name of an HTTP header", s.Header)
		}
		c.patterns, err = patterns(s.Values, s.Field != FieldPath)
	case FieldQuery:
		c.pairs, err = pairs(s.Pairs)
	case FieldMethod:
		for _, method := range s.Values {
			if !methodForm.MatchString(method) {
				return c, fmt.Errorf("'%s' is not a valid HTTP request method", method)
			}
		}
		c.methods = s.Values
	case FieldSource:
		c.nets, err = nets(s.Values)
	default:
		err = fmt.Errorf("condition field '%s' is not one of [%s, %s, %s, %s, %s, %s]", s.Field, FieldHost, FieldPath, FieldHeader, FieldQuery, FieldMethod, FieldSource)
	}
	return c, err
}

func patterns(values []string, fold bool) ([]Pattern, error) {
	list := make([]Pattern, len(values))
	for i, v := range values {
		if v == "" || len(v) > maxPattern {
			return nil, fmt.Errorf("the condition value '%.*s' must have 1 to %d characters", maxPattern, v, maxPattern)
		}
		list[i] = NewPattern(v, fold, false)
	}
	return list, nil
}

func pairs(given []Pair) ([]pair, error) {
	list := make([]pair, len(given))
	for i, g := range given {
		if g.Value == "" || len(g.Value) > maxPattern || len(g.Key) > maxPattern {
			return nil, fmt.Errorf("a query string condition must have a value, of 1 to %d characters as its key", maxPattern)
		}
		list[i] = pair{g.Key == "", NewPattern(g.Key, true, true), NewPattern(g.Value, true, true)}
	}
	return list, nil
}

func nets(values []string) ([]netip.Prefix, error) {
	list := make([]netip.Prefix, len(values))
	for i, v := range values {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return nil, fmt.Errorf("the source IP '%s' must be in CIDR format", v)
		}
		list[i] = p.Masked()
	}
	return list, nil
}

// Match tells whether a request that came from an address meets all conditions.
func (m Matcher) Match(r *http.Request, source netip.Addr) bool {
	for i := range m {
		if !m[i].match(r, source) {
			return false
		}
	}
	return true
}

func (c *Condition) match(r *http.Request, source netip.Addr) bool {
	switch c.field {
	case FieldHost:
		return c.matches(Host(r.Host))
	case FieldPath:
		return c.matches(r.URL.EscapedPath())
	case FieldHeader:
		return c.matchesHeader(r)
	case FieldQuery:
		return c.matchesQuery(r.URL.RawQuery)
	case FieldMethod:
		for _, method := range c.methods {
			if method == r.Method {
				return true
			}
		}
	case FieldSource:
		for _, net := range c.nets {
			if net.Contains(source) {
				return true
			}
		}
	}
	return false
}

func (c *Condition) matches(s string) bool {
	for i := range c.patterns {
		if c.patterns[i].Match(s) {
			return true
		}
	}
	return false
}

func (c *Condition) matchesHeader(r *http.Request) bool {
	if c.header == "Host" {
		return c.matches(r.Host)
	}
	for _, value := range r.Header[c.header] {
		if c.matches(value) {
			return true
		}
	}
	return false
}

func (c *Condition) matchesQuery(raw string) bool {
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(one, "=")
		key, value = plain(key), plain(value)
		for i := range c.pairs {
			if p := &c.pairs[i]; (p.anyKey || p.key.Match(key)) && p.value.Match(value) {
				return true
			}
		}
	}
	return false
}

// plain is a part of a query string without its escapes, or as it is when they are broken.
func plain(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}

// Host is a Host header without its port.
func Host(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		return host[:i]
	}
	return host
}
