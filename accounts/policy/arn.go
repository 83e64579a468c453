package policy

import "strings"

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
	all   bool   // "*"
	exact string // without wildcards and variables: the whole, to be compared at once
	parts [6]pattern
	keys  []string // the variables, as they are spelled
}

// compileARN compiles an ARN. Parts that are missing at its end are "*".
func compileARN(source string, vars bool) (arnPattern, error) {
	a := arnPattern{all: source == "*"}
	if a.all {
		return a, nil
	}
	simple := true
	for i, part := range patternParts(source, vars) {
		p, err := compilePattern(part, syntax{wild: true, vars: vars})
		if err != nil {
			return arnPattern{}, err
		}
		simple = simple && p.shape == literal
		a.parts[i], a.keys = p, append(a.keys, p.keys...)
	}
	if simple {
		a.exact = literalARN(&a.parts)
	}
	return a, nil
}

// patternParts splits the pattern of an ARN, and fills up what it leaves out. Colons inside of
// variables do not count.
func patternParts(source string, vars bool) [6]string {
	parts := [6]string{"*", "*", "*", "*", "*", "*"}
	for i := range parts {
		end := colon(source, vars)
		if i == 5 || end < 0 {
			parts[i] = source
			break
		}
		parts[i], source = source[:end], source[end+1:]
	}
	return parts
}

// colon finds the first colon outside of variables, or returns -1.
func colon(s string, vars bool) int {
	inside := false
	for i := range len(s) {
		switch {
		case vars && strings.HasPrefix(s[i:], "${"):
			inside = true
		case s[i] == '}':
			inside = false
		case s[i] == ':' && !inside:
			return i
		}
	}
	return -1
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
	all := yes
	for i := range parts {
		switch a.parts[i].match(ctx, parts[i]) {
		case no:
			return no
		case unresolved:
			all = unresolved
		}
	}
	return all
}
