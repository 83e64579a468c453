package logs

import (
	"fmt"
	"strings"
)

// Pattern is a filter pattern: which messages are wanted.
// Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax".
type Pattern struct {
	all, any, none []string
}

// ParsePattern reads a pattern of terms, which are words or quoted phrases: all must be in the
// message, at least one of those that begin with ?, and none of those that begin with -. The empty
// pattern fits every message. It returns ErrUnsupported for patterns of fields ({...}, [...]) and
// regular expressions (%...%), and ErrPattern for a quote that does not end.
func ParsePattern(text string) (Pattern, error) {
	var p Pattern
	rest := strings.TrimSpace(text)
	if rest != "" && strings.ContainsRune("{[%", rune(rest[0])) {
		return p, fmt.Errorf("%w: the filter pattern %s; words, \"phrases\", ?any and -none are", ErrUnsupported, text)
	}
	for rest != "" {
		into := &p.all
		switch rest[0] {
		case '?':
			into, rest = &p.any, rest[1:]
		case '-':
			into, rest = &p.none, rest[1:]
		}
		term, after, ok := cutTerm(rest)
		if !ok {
			return p, fmt.Errorf("%w: %s", ErrPattern, text)
		}
		*into = append(*into, term)
		rest = strings.TrimSpace(after)
	}
	return p, nil
}

// cutTerm takes a word or a quoted phrase off the front. In a phrase, \" is a quote and \\ a backslash.
func cutTerm(text string) (term, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t\n\r")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], true
		case text[i] == '\\' && i+1 < len(text) && strings.IndexByte(`"\`, text[i+1]) >= 0:
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// Match tells whether a message fits. Case counts.
func (p Pattern) Match(message string) bool {
	in := func(term string) bool { return strings.Contains(message, term) }
	for _, term := range p.all {
		if !in(term) {
			return false
		}
	}
	for _, term := range p.none {
		if in(term) {
			return false
		}
	}
	for _, term := range p.any {
		if in(term) {
			return true
		}
	}
	return len(p.any) == 0
}
