package query

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// The operators, by the sign under which they are known here.
const (
	equal       = "=="
	unequal     = "!="
	more        = ">"
	moreOrEqual = ">="
	less        = "<"
	lessOrEqual = "<="
	exists      = "exists"
	missing     = "!exists"
	in          = "in"
	notIn       = "!in"
	like        = "=~"
	unlike      = "!~"
)

// opposites are the operators that say no where another says yes: also of a machine that lacks the subject.
var opposites = map[string]string{unequal: equal, missing: exists, notIn: in, unlike: like}

// signs are looked for in this order, so that none is taken for the beginning of another.
var signs = []string{equal, unequal, moreOrEqual, more, lessOrEqual, less, missing, notIn, like, unlike}

var operatorWords = map[string]string{
	"equals": equal, "not_equals": unequal,
	"greater_than": more, "greater_than_equal": moreOrEqual, "less_than": less, "less_than_equal": lessOrEqual,
	"gt": more, "gte": moreOrEqual, "lt": less, "lte": lessOrEqual,
	"exists": exists, "not_exists": missing, "in": in, "not_in": notIn, "matches": like, "not_matches": unlike,
}

// operator reads one that the subject can be asked with.
func (p *parser) operator(s subject) (string, error) {
	p.rest()
	mark := p.at
	op := p.operatorSign()
	if op == "" {
		op = operatorWords[p.upTo(`()[]"'`)]
	}
	if !slices.Contains(s.operators, op) {
		p.at = mark
		return "", p.wrong("want an operator that %s takes: %s", s.name, strings.Join(s.operators, " "))
	}
	return op, nil
}

func (p *parser) operatorSign() string {
	for _, sign := range signs {
		if p.take(sign) {
			return sign
		}
	}
	return ""
}

// argument reads what a subject is compared with, by an operator that is no opposite.
func (p *parser) argument(s subject, op string) (test, error) {
	switch op {
	case exists:
		return func(m Machine) bool { return s.some(m, func(string) bool { return true }) }, nil
	case in:
		return p.list(s)
	case like:
		fits, err := p.compile()
		return func(m Machine) bool { return s.some(m, fits) }, err
	case equal:
		return p.one(s)
	}
	p.rest()
	mark := p.at
	text, err := p.value()
	if err != nil {
		return nil, err
	}
	compare, err := s.order(text)
	if err != nil {
		p.at = mark
		return nil, p.wrong("%s", err)
	}
	return ordered(compare, op), nil
}

// ordered is true of a machine whose value is known and stands as the operator wants.
func ordered(compare func(Machine) (int, bool), op string) test {
	return func(m Machine) bool {
		c, known := compare(m)
		switch {
		case !known:
			return false
		case op == more:
			return c > 0
		case op == moreOrEqual:
			return c >= 0
		case op == less:
			return c < 0
		}
		return c <= 0
	}
}

// one reads a value that the subject may have.
func (p *parser) one(s subject) (test, error) {
	p.rest()
	mark := p.at
	text, err := p.value()
	if err != nil {
		return nil, err
	}
	fits, err := s.is(text)
	if err != nil {
		p.at = mark
		return nil, p.wrong("%s", err)
	}
	return fits, nil
}

// list reads values in brackets, of which one must fit.
func (p *parser) list(s subject) (test, error) {
	if !p.take("[") {
		return nil, p.wrong("want a list, such as [a, b]")
	}
	var tests []test
	for {
		fits, err := p.one(s)
		if err != nil {
			return nil, err
		}
		tests = append(tests, fits)
		if p.take("]") {
			return func(m Machine) bool {
				return slices.ContainsFunc(tests, func(fits test) bool { return fits(m) })
			}, nil
		}
		if !p.take(",") {
			return nil, p.wrong("want a comma or a closing bracket")
		}
	}
}

// compile reads a pattern, and counts its steps before it takes their memory.
func (p *parser) compile() (func(string) bool, error) {
	p.rest()
	mark := p.at
	text, err := p.pattern()
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err == nil {
		if p.steps += steps(tree); p.steps > maxPattern {
			err = fmt.Errorf("want patterns of %d steps in all", maxPattern)
		}
	}
	if err != nil {
		p.at = mark
		return nil, p.wrong("%s", err)
	}
	whole, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil {
		p.at = mark
		return nil, p.wrong("%s", err)
	}
	return whole.MatchString, nil
}

// steps is how long a pattern is with its repetitions written out.
func steps(tree *syntax.Regexp) int {
	n := 1 + len(tree.Rune)
	if tree.Op == syntax.OpCharClass {
		n = 1
	}
	for _, part := range tree.Sub {
		n += steps(part)
	}
	if tree.Op == syntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return min(n, maxPattern+1)
}
