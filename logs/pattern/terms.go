package pattern

import "strings"

// terms are words, phrases and regular expressions: all must be in the message, at least one of those
// that begin with ?, and none of those that begin with -.
type terms struct{ all, any, none []test }

func parseTerms(s *scanner) (func(string) bool, error) {
	var t terms
	for s.rest() != "" {
		into := &t.all
		switch {
		case strings.HasPrefix(s.rest(), "?"):
			into = &t.any
			s.at++
		case strings.HasPrefix(s.rest(), "-"):
			into = &t.none
			s.at++
		}
		one, err := s.term()
		if err != nil {
			return nil, err
		}
		*into = append(*into, one)
		s.space()
	}
	return t.fit, nil
}

func (s *scanner) term() (test, error) {
	if err := s.count(); err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(s.rest(), "%"):
		return s.expression()
	case strings.HasPrefix(s.rest(), `"`):
		phrase, err := s.quoted()
		return contains(phrase), err
	}
	end := strings.IndexAny(s.rest(), " \t\r\n")
	if end < 0 {
		end = len(s.rest())
	}
	if end == 0 {
		return nil, s.wrong("want a word")
	}
	word := s.rest()[:end]
	s.at += end
	return contains(word), nil
}

func contains(term string) test {
	return func(message string) bool { return strings.Contains(message, term) }
}

func (t terms) fit(message string) bool {
	for _, in := range t.all {
		if !in(message) {
			return false
		}
	}
	for _, in := range t.none {
		if in(message) {
			return false
		}
	}
	for _, in := range t.any {
		if in(message) {
			return true
		}
	}
	return len(t.any) == 0
}
