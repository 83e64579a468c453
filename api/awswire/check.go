package awswire

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// check is a compiled Rule, with the values that an enum allows.
type check struct {
	min, max  *int64
	pattern   *regexp.Regexp
	text      string // of the pattern, as the model has it
	enum      []string
	sensitive bool
}

type enum interface{ Values() []string }

var enumType = reflect.TypeFor[enum]()

func compileCheck(r Rule, t reflect.Type) check {
	c := check{min: r.Min, max: r.Max, text: r.Pattern, sensitive: r.Sensitive}
	if r.Pattern != "" {
		c.pattern = regexp.MustCompile(`^(?:` + fromJava(r.Pattern) + `)$`)
	}
	if t.Implements(enumType) {
		c.enum = reflect.Zero(t).Interface().(enum).Values()
	}
	return c
}

var javaEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// aheadless are the patterns of models that look ahead, which RE2 does not, as it says the same.
var aheadless = strings.NewReplacer(
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, `[a-z0-9](?:-[a-z0-9]|[a-z0-9]-?[a-z0-9])(?:-?[a-z0-9])*`, // an account's alias; its length is a rule of its own
	`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`, `[0-9]*[a-zA-Z_-][a-zA-Z0-9_-]*`, // a function's alias
	`((?!^\d+$)^[0-9a-zA-Z-_]+$)`, `[0-9]*[a-zA-Z_-][a-zA-Z0-9_-]*`, // and where a URL is its
	`[0-9A-Za-z\.\-_]*(?<!\.)`, `[0-9A-Za-z._-]*[0-9A-Za-z_-]`, // the bucket that code is in; it has three characters at least
)

// fromJava rewrites what models use and RE2 spells otherwise: characters by number, and all those
// beyond 16 bits as a range of surrogate pairs.
func fromJava(pattern string) string {
	pattern = aheadless.Replace(pattern)
	pattern = strings.ReplaceAll(pattern, `\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`)
	return javaEscape.ReplaceAllString(pattern, `\x{$1}`)
}

// empty reports whether every value passes, so that the walk need not look.
func (c *check) empty() bool {
	return c.min == nil && c.max == nil && c.pattern == nil && c.enum == nil
}

// rule is one constraint in AWS's words: whom it binds, what it demands, and its pattern, if any.
type rule struct {
	who     string // "Member", "Map keys" or "Map value"
	words   string
	pattern string
}

func (r rule) coral() string {
	if r.pattern != "" {
		return r.who + " " + r.words + " pattern: " + r.pattern
	}
	return r.who + " " + r.words
}

func (r rule) registry() string {
	if r.pattern != "" {
		return r.words + " '" + r.pattern + "'"
	}
	return r.words
}

var notNull = rule{who: "Member", words: "must not be null"}

func (c *check) patternRule() rule {
	return rule{who: "Member", words: "must satisfy regular expression", pattern: c.text}
}

func (c *check) enumRule() rule {
	return rule{who: "Member", words: "must satisfy enum value set: [" + strings.Join(c.enum, ", ") + "]"}
}

func bound(k kind, side string, n int64) rule {
	what := "length"
	if k == kindInt || k == kindFloat {
		what = "value"
	}
	return rule{who: "Member", words: fmt.Sprintf("must have %s %s than or equal to %d", what, side, n)}
}

// broken returns the rules that v breaks.
func (c *check) broken(k kind, v reflect.Value) []rule {
	if c.empty() {
		return nil
	}
	var rules []rule
	size := measure(k, v)
	if c.pattern != nil && !c.matches(v.String()) {
		rules = append(rules, c.patternRule())
	}
	if c.max != nil && size > float64(*c.max) {
		rules = append(rules, bound(k, "less", *c.max))
	}
	if c.min != nil && size < float64(*c.min) {
		rules = append(rules, bound(k, "greater", *c.min))
	}
	if c.enum != nil && !slices.Contains(c.enum, v.String()) {
		rules = append(rules, c.enumRule())
	}
	return rules
}

// every returns all rules of the check as one, which AWS names when an element of a list or map
// breaks any: who is "Member", "Map keys" or "Map value".
func (c *check) every(who string, k kind) rule {
	var rules []string
	add := func(r rule) { rules = append(rules, r.coral()) }
	if c.max != nil {
		add(bound(k, "less", *c.max))
	}
	if c.min != nil {
		add(bound(k, "greater", *c.min))
	}
	if c.pattern != nil {
		add(c.patternRule())
	}
	if c.enum != nil {
		add(c.enumRule())
	}
	return rule{who: who, words: "must satisfy constraint: [" + strings.Join(rules, ", ") + "]"}
}

// measure is what min and max bound: a number's value, the size of everything else.
func measure(k kind, v reflect.Value) float64 {
	switch k {
	case kindInt:
		return float64(v.Int())
	case kindFloat:
		return v.Float()
	case kindString:
		return float64(utf8.RuneCountInString(v.String()))
	case kindBlob, kindList, kindMap:
		return float64(v.Len())
	}
	return math.NaN() // neither above nor below any bound
}

// violation is one broken constraint and where.
type violation struct {
	path  string // lowerCamel, with list positions as AWS counts them: tags.1.member.key
	value string // "Value 'x' at", or what stands there for null and secrets
	rule  rule
}

// invalid words violations as the service does. ECR names only the first.
func (a *API) invalid(broken []violation) *Fault {
	fault := FaultType{Shape: a.Invalid, Status: 400}
	if a.Style == Registry {
		return fault.Newf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", broken[0].path, broken[0].rule.registry())
	}
	texts := make([]string, len(broken))
	for i, v := range broken {
		texts[i] = fmt.Sprintf("%s at '%s' failed to satisfy constraint: %s", v.value, v.path, v.rule.coral())
	}
	noun := "error"
	if len(broken) > 1 {
		noun = "errors"
	}
	return fault.Newf("%d validation %s detected: %s", len(broken), noun, strings.Join(texts, "; "))
}

// maxRepeated is how much of a refused value a message repeats.
const maxRepeated = 1024

// repeat writes a refused value as AWS's messages do, unless it is a secret.
func repeat(s *shape, v reflect.Value) string {
	if s.check.sensitive {
		return "Value"
	}
	text := string(appendPlain(nil, s, v))
	if len(text) > maxRepeated {
		text = strings.ToValidUTF8(text[:maxRepeated], "") + "..."
	}
	return "Value '" + text + "'"
}

// repeatKeys is repeat for a map of which some keys are refused: of a secret one these are no secret, and who is to mend
// them has to know them.
func repeatKeys(s *shape, v reflect.Value, refused []string) string {
	if !s.check.sensitive {
		return repeat(s, v)
	}
	slices.Sort(refused)
	text := "{" + strings.Join(refused, "=***, ") + "=***}"
	if len(text) > maxRepeated {
		text = strings.ToValidUTF8(text[:maxRepeated], "") + "..."
	}
	return "Value '" + text + "'"
}

// appendPlain writes text bare, secrets as ***, lists as [a, b], structures and maps as {name=a, other=b}.
func appendPlain(b []byte, s *shape, v reflect.Value) []byte {
	switch {
	case len(b) > maxRepeated:
		return b
	case s.check.sensitive:
		return append(b, "***"...)
	}
	switch s.kind {
	case kindString:
		text := v.String()
		return append(b, text[:min(len(text), maxRepeated+1)]...)
	case kindInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case kindFloat:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case kindBlob:
		return fmt.Appendf(b, "%d bytes", v.Len())
	case kindList:
		return appendPlainList(b, s, v)
	case kindMap:
		return appendPlainMap(b, s, v)
	case kindStruct:
		return appendPlainStruct(b, s, v)
	}
	return fmt.Append(b, v.Interface())
}

func appendPlainList(b []byte, s *shape, v reflect.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendPlain(b, s.elem, v.Index(i))
	}
	return append(b, ']')
}

func appendPlainMap(b []byte, s *shape, v reflect.Value) []byte {
	b = append(b, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, key.String()...), '=')
		b = appendPlain(b, s.elem, v.MapIndex(key))
	}
	return append(b, '}')
}

func appendPlainStruct(b []byte, s *shape, v reflect.Value) []byte {
	b = append(b, '{')
	empty := len(b)
	for i := range s.members {
		m := &s.members[i]
		value, ok := m.value(v)
		if !ok {
			continue
		}
		if len(b) > empty {
			b = append(b, ", "...)
		}
		b = append(append(b, m.name...), '=')
		b = appendPlain(b, m.shape, value)
	}
	return append(b, '}')
}
