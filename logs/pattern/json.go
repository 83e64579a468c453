package pattern

import (
	"encoding/json"
	"strconv"
	"strings"
)

// parseJSON reads conditions on the properties of a JSON object: { $.a.b[0] = "x*" && $.n > 3 }. A message
// that is not a JSON object fits none.
func parseJSON(s *scanner) (func(string) bool, error) {
	fits, err := combine(s, 0, (*scanner).property)
	if err == nil && !s.take("}") {
		err = s.wrong("want a closing brace, && or ||")
	}
	if err == nil {
		err = s.end()
	}
	return func(message string) bool {
		var object map[string]any
		d := json.NewDecoder(strings.NewReader(message))
		d.UseNumber()
		return d.Decode(&object) == nil && object != nil && fits(object)
	}, err
}

// step leads from a value into it: by the name of a property, by a place in a list, or to all that is in it.
type step struct {
	name  string
	index int // where name is ""
	all   bool
}

// property reads one condition.
func (s *scanner) property() (func(map[string]any) bool, error) {
	path, err := s.selector()
	if err != nil {
		return nil, err
	}
	fits, err := s.valueCondition()
	if err != nil {
		return nil, err
	}
	return func(object map[string]any) bool { return anyAt(object, path, fits) }, nil
}

func (s *scanner) selector() (path []step, err error) {
	if !strings.HasPrefix(s.rest(), "$") {
		return nil, s.wrong("want a property, such as $.name")
	}
	s.at++
	for {
		rest := s.rest()
		switch {
		case strings.HasPrefix(rest, ".*"):
			s.at += 2
			path = append(path, step{all: true})
		case strings.HasPrefix(rest, "."):
			s.at++
			end := 0
			for rest = s.rest(); end < len(rest) && isWordByte(rest[end]); {
				end++
			}
			if end == 0 {
				return nil, s.wrong("want the name of a property")
			}
			path = append(path, step{name: rest[:end]})
			s.at += end
		case strings.HasPrefix(rest, "["):
			one, err := s.index()
			if err != nil {
				return nil, err
			}
			path = append(path, one)
		case len(path) == 0:
			return nil, s.wrong("want the name of a property")
		default:
			s.space()
			return path, nil
		}
	}
}

// index reads [3], [*] or ["name"].
func (s *scanner) index() (one step, err error) {
	s.at++
	switch rest := s.rest(); {
	case strings.HasPrefix(rest, "*"):
		s.at++
		one.all = true
	case strings.HasPrefix(rest, `"`):
		if one.name, err = s.quoted(); err != nil {
			return one, err
		}
	default:
		end := strings.IndexByte(rest, ']')
		n, err := strconv.ParseUint(rest[:max(end, 0)], 10, 31)
		if err != nil {
			return one, s.wrong("want a number, * or a name in quotes")
		}
		one.index = int(n)
		s.at += end
	}
	if !strings.HasPrefix(s.rest(), "]") {
		return one, s.wrong("want a closing bracket")
	}
	s.at++
	return one, nil
}

// found is what a property is: whether it is there, and its value.
type found struct {
	there bool
	value any
}

// anyAt tells whether a value that a path leads to fits, or that there is none.
func anyAt(value any, path []step, fits func(found) bool) bool {
	if len(path) == 0 {
		return fits(found{true, value})
	}
	some := false
	for _, next := range path[0].into(value) {
		some = true
		if anyAt(next, path[1:], fits) {
			return true
		}
	}
	return !some && fits(found{})
}

func (s step) into(value any) (next []any) {
	switch v := value.(type) {
	case map[string]any:
		if s.all {
			for _, inner := range v {
				next = append(next, inner)
			}
		} else if inner, ok := v[s.name]; ok && s.name != "" {
			next = append(next, inner)
		}
	case []any:
		if s.all {
			return v
		}
		if s.name == "" && s.index < len(v) {
			next = append(next, v[s.index])
		}
	}
	return next
}

// valueCondition reads what a property is to be.
func (s *scanner) valueCondition() (func(found) bool, error) {
	switch {
	case s.keyword("NOT"):
		if !s.keyword("EXISTS") {
			return nil, s.wrong("want EXISTS")
		}
		return func(f found) bool { return !f.there }, nil
	case s.keyword("EXISTS"):
		return func(f found) bool { return f.there }, nil
	case s.keyword("IS"):
		return s.is()
	}
	operator := s.operator()
	if operator == "" {
		return nil, s.wrong("want one of %s, IS or NOT EXISTS", strings.Join(operators, " "))
	}
	return s.value(operator)
}

func (s *scanner) is() (func(found) bool, error) {
	for word, value := range map[string]any{"NULL": nil, "TRUE": true, "FALSE": false} {
		if s.keyword(word) {
			return func(f found) bool { return f.there && f.value == value }, nil
		}
	}
	return nil, s.wrong("want NULL, TRUE or FALSE")
}

func (s *scanner) value(operator string) (func(found) bool, error) {
	defer s.space()
	equality := operator == "=" || operator == "!="
	switch {
	case strings.HasPrefix(s.rest(), "%") && equality:
		re, err := s.expression()
		return onText(operator, re), err
	case strings.HasPrefix(s.rest(), `"`) && equality:
		text, err := s.quoted()
		return onText(operator, like(text)), err
	}
	end := strings.IndexAny(s.rest(), " \t\r\n}()&|")
	if end <= 0 {
		return nil, s.wrong("want a value")
	}
	text := s.rest()[:end]
	n, isNumber := number(text)
	if !isNumber && !equality {
		return nil, s.wrong("want a number behind %s", operator)
	}
	s.at += end
	if isNumber {
		return onNumber(operator, compare(operator, n)), nil
	}
	return onText(operator, like(text)), nil
}

// onText is about strings and, as CloudWatch Logs has it, about numbers and booleans as they are written.
// What is not there is not unlike anything.
func onText(operator string, t test) func(found) bool {
	return func(f found) bool {
		text, ok := "", false
		switch v := f.value.(type) {
		case string:
			text, ok = v, true
		case json.Number:
			text, ok = v.String(), true
		case bool:
			text, ok = strconv.FormatBool(v), true
		}
		return ok && t(text) == (operator == "=")
	}
}

func onNumber(operator string, fits func(float64) bool) func(found) bool {
	return func(f found) bool {
		var text string
		switch v := f.value.(type) {
		case json.Number:
			text = v.String()
		case string:
			text = v
		default:
			return false
		}
		n, ok := number(text)
		return ok && fits(n) || !ok && operator == "!="
	}
}
