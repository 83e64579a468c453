package policy

import (
	"errors"
	"strings"
)

// arnParts are the six parts of an ARN, of which the last may hold colons.
type arnParts [6]string

// splitARN takes an ARN apart; ok is false when it has fewer than six parts.
func splitARN(s string) (parts arnParts, ok bool) {
	for i := range 5 {
		colon := strings.IndexByte(s, ':')
		if colon < 0 {
			return arnParts{}, false
		}
		parts[i], s = s[:colon], s[colon+1:]
	}
	parts[5] = s
	return parts, true
}

// arnPattern is an ARN with wildcards: each of its six parts is matched by itself, and a wildcard
// of the last may stand for colons and slashes.
//
// Source: IAM User Guide, "IAM JSON policy elements: Resource" and "Condition operators".
type arnPattern struct {
	source string
	all    bool   // "*"
	exact  string // without wildcards and variables: the whole, to be compared at once
	parts  [6]pattern
}

var errEarlyVariable = errors.New("a variable may stand only in the last part of an ARN, behind the fifth colon")

// compileARN compiles an ARN. Parts that are missing at its end are "*".
func compileARN(source string, vars bool) (arnPattern, error) {
	a := arnPattern{source: source, all: source == "*"}
	if a.all {
		return a, nil
	}
	simple := true
	for i, part := range patternParts(source) {
		p, err := compilePattern(part, syntax{wild: true, vars: vars})
		if err != nil {
			return arnPattern{}, err
		}
		if i < 5 && p.shape == variables {
			return arnPattern{}, errEarlyVariable
		}
		simple = simple && p.shape == literal
		a.parts[i] = p
	}
	if simple {
		a.exact = literalARN(&a.parts)
	}
	return a, nil
}

// patternParts splits the pattern of an ARN, and fills up what it leaves out.
func patternParts(source string) [6]string {
	parts := [6]string{"*", "*", "*", "*", "*", "*"}
	copy(parts[:], strings.SplitN(source, ":", 6))
	return parts
}

func literalARN(parts *[6]pattern) string {
	texts := make([]string, len(parts))
	for i := range parts {
		texts[i] = parts[i].text
	}
	return strings.Join(texts, ":")
}

// match compares an ARN, given whole and in parts; of a text that is no ARN, isARN is false.
func (a *arnPattern) match(ctx Context, whole string, parts *arnParts, isARN bool) verdict {
	switch {
	case a.all:
		return yes
	case !isARN:
		return no
	case a.exact != "":
		return verdictOf(a.exact == whole)
	}
	for i := range 5 {
		if a.parts[i].match(nil, parts[i]) != yes {
			return no
		}
	}
	return a.parts[5].match(ctx, parts[5])
}
