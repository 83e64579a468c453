package pattern

import "strings"

// fields are conditions on the fields of a message, which spaces part: [ip, user, status = 4*, bytes > 10].
// Three dots stand for any number of fields, once.
type fields struct {
	before, after []func(string) bool // nil: any field
	dots          bool
}

func parseFields(s *scanner) (func(string) bool, error) {
	var f fields
	for !s.take("]") {
		if s.rest() == "" {
			return nil, s.wrong("want a closing bracket")
		}
		if s.take("...") {
			if f.dots {
				return nil, s.wrong("three dots may come once")
			}
			f.dots = true
		} else {
			one, err := s.field()
			if err != nil {
				return nil, err
			}
			if f.dots {
				f.after = append(f.after, one)
			} else {
				f.before = append(f.before, one)
			}
		}
		if !s.take(",") && !strings.HasPrefix(s.rest(), "]") {
			return nil, s.wrong("want a comma or a closing bracket")
		}
	}
	if !f.dots && len(f.before) == 0 {
		return nil, s.wrong("want at least one field")
	}
	return f.fit, s.end()
}

// field reads a name, and conditions on it. In each the name comes first.
func (s *scanner) field() (func(string) bool, error) {
	mark := *s
	name := s.name()
	if name == "" && !strings.HasPrefix(s.rest(), "(") {
		return nil, s.wrong("want the name of a field")
	}
	if next := s.rest(); name != "" && (strings.HasPrefix(next, ",") || strings.HasPrefix(next, "]")) {
		return nil, s.count()
	}
	s.at = mark.at
	return combine(s, 0, (*scanner).fieldCondition)
}

func (s *scanner) name() string {
	end := 0
	for rest := s.rest(); end < len(rest) && isWordByte(rest[end]); {
		end++
	}
	name := s.rest()[:end]
	s.at += end
	s.space()
	return name
}

func (s *scanner) fieldCondition() (func(string) bool, error) {
	if s.name() == "" {
		return nil, s.wrong("want the name of a field")
	}
	operator := s.operator()
	if operator == "" {
		return nil, s.wrong("want one of %s", strings.Join(operators, " "))
	}
	return s.fieldValue(operator)
}

func (s *scanner) fieldValue(operator string) (func(string) bool, error) {
	defer s.space()
	equality := operator == "=" || operator == "!="
	switch {
	case strings.HasPrefix(s.rest(), "%") && equality:
		re, err := s.expression()
		return wanted(operator, re), err
	case strings.HasPrefix(s.rest(), `"`) && equality:
		text, err := s.quoted()
		return wanted(operator, like(text)), err
	}
	end := strings.IndexAny(s.rest(), " \t\r\n,]()&|")
	if end <= 0 {
		return nil, s.wrong("want a value")
	}
	text := s.rest()[:end]
	if n, ok := number(text); ok {
		s.at += end
		fits := compare(operator, n)
		return func(value string) bool { m, ok := number(value); return ok && fits(m) || !ok && operator == "!=" }, nil
	}
	if !equality {
		return nil, s.wrong("want a number behind %s", operator)
	}
	s.at += end
	return wanted(operator, like(text)), nil
}

// wanted is a test, or its contrary.
func wanted(operator string, t test) func(string) bool {
	if operator == "=" {
		return t
	}
	return func(value string) bool { return !t(value) }
}

func (f fields) fit(message string) bool {
	most := len(f.before) + len(f.after)
	have := split(message)
	if len(have) < most || !f.dots && len(have) > most {
		return false
	}
	return fitAll(f.before, have) && fitAll(f.after, have[len(have)-len(f.after):])
}

func fitAll(conditions []func(string) bool, values []string) bool {
	for i, fits := range conditions {
		if fits != nil && !fits(values[i]) {
			return false
		}
	}
	return true
}

// split parts a message at its spaces. What is in quotes or brackets is one field, without them.
func split(message string) (fields []string) {
	for {
		message = strings.TrimLeft(message, " \t\r\n")
		if message == "" {
			return fields
		}
		var field string
		field, message = cut(message)
		fields = append(fields, field)
	}
}

func cut(message string) (field, rest string) {
	for open, closing := range map[byte]string{'"': `"`, '[': "]"} {
		if message[0] != open {
			continue
		}
		if end := strings.Index(message[1:], closing); end >= 0 {
			return message[1 : 1+end], message[end+2:]
		}
	}
	if end := strings.IndexAny(message, " \t\r\n"); end >= 0 {
		return message[:end], message[end:]
	}
	return message, ""
}
