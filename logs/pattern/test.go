package pattern

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// test is a condition on one text.
type test func(value string) bool

// compile makes a test of a regular expression, which fits where it is found.
func compile(body string) (test, error) {
	if body == "" {
		return nil, errors.New("the regular expression is empty")
	}
	re, err := regexp.Compile(body)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}

// like makes a test of a text in which * stands for any characters.
func like(text string) test {
	parts := strings.Split(text, "*")
	if len(parts) == 1 {
		return func(value string) bool { return value == text }
	}
	first, last, inner := parts[0], parts[len(parts)-1], parts[1:len(parts)-1]
	return func(value string) bool {
		if len(value) < len(first)+len(last) || !strings.HasPrefix(value, first) || !strings.HasSuffix(value, last) {
			return false
		}
		value = value[len(first) : len(value)-len(last)]
		for _, part := range inner {
			i := strings.Index(value, part)
			if i < 0 {
				return false
			}
			value = value[i+len(part):]
		}
		return true
	}
}

// operators, those first that others begin with.
var operators = []string{"!=", "<=", ">=", "=", "<", ">"}

func (s *scanner) operator() string {
	for _, o := range operators {
		if s.take(o) {
			return o
		}
	}
	return ""
}

// number reads what numbers are compared with: an integer, a decimal, or one with an exponent.
func number(text string) (float64, bool) {
	if text == "" || strings.ContainsAny(text, "xXpP_iInN") { // what ParseFloat takes beyond that
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// compare makes a test of a number, or nil for an operator that is not one of numbers.
func compare(operator string, than float64) func(float64) bool {
	switch operator {
	case "=":
		return func(n float64) bool { return n == than }
	case "!=":
		return func(n float64) bool { return n != than }
	case "<":
		return func(n float64) bool { return n < than }
	case ">":
		return func(n float64) bool { return n > than }
	case "<=":
		return func(n float64) bool { return n <= than }
	default:
		return func(n float64) bool { return n >= than }
	}
}

// combine reads what is joined by || and &&, which binds closer, with parentheses. Each part is read by one.
func combine[T any](s *scanner, depth int, one func(*scanner) (func(T) bool, error)) (func(T) bool, error) {
	if depth > maxDepth {
		return nil, s.wrong("parentheses are nested more than %d deep", maxDepth)
	}
	all := func() (func(T) bool, error) {
		return chain(s, "&&", false, func() (func(T) bool, error) {
			if !s.take("(") {
				if err := s.count(); err != nil {
					return nil, err
				}
				return one(s)
			}
			inner, err := combine(s, depth+1, one)
			if err == nil && !s.take(")") {
				err = s.wrong("want a closing parenthesis")
			}
			return inner, err
		})
	}
	return chain(s, "||", true, all)
}

// chain reads parts between the same word. The chain is what the first part says that says stop, and otherwise
// the contrary.
func chain[T any](s *scanner, word string, stop bool, part func() (func(T) bool, error)) (func(T) bool, error) {
	first, err := part()
	if err != nil {
		return nil, err
	}
	parts := []func(T) bool{first}
	for s.take(word) {
		next, err := part()
		if err != nil {
			return nil, err
		}
		parts = append(parts, next)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return func(value T) bool {
		for _, p := range parts {
			if p(value) == stop {
				return stop
			}
		}
		return !stop
	}, nil
}
