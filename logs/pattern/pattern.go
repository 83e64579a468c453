// Package pattern is the language in which log events are looked for: terms, conditions on the properties of
// JSON, and conditions on fields between spaces.
//
// Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription
// filters, filter log events, and Live Tail". Regular expressions are RE2's, which hold all that
// CloudWatch Logs allows.
package pattern

import (
	"fmt"
	"strings"

	"slipway/internal/errs"
)

// ErrSyntax is a pattern that does not parse. What wraps it says where and why.
var ErrSyntax = errs.New(errs.Invalid, "Invalid filter pattern")

// What a pattern may hold, so that what a stranger sends costs little.
const (
	maxLength     = 1024 // bytes. Source: Amazon CloudWatch Logs API Reference, FilterLogEvents
	maxDepth      = 32   // of parentheses
	maxConditions = 128
)

// Pattern says which messages are wanted. The zero value fits every message. It is safe for use by many
// goroutines.
type Pattern struct {
	fits func(message string) bool
}

// Match tells whether a message fits. Case counts.
func (p Pattern) Match(message string) bool { return p.fits == nil || p.fits(message) }

// Parse reads a pattern, or returns ErrSyntax.
func Parse(text string) (Pattern, error) {
	if len(text) > maxLength {
		return Pattern{}, fmt.Errorf("%w: it has %d bytes, more than %d", ErrSyntax, len(text), maxLength)
	}
	s := &scanner{text: text}
	s.space()
	var fits func(string) bool
	var err error
	switch {
	case s.rest() == "":
		return Pattern{}, nil
	case s.take("{"):
		fits, err = parseJSON(s)
	case s.take("["):
		fits, err = parseFields(s)
	default:
		fits, err = parseTerms(s)
	}
	if err != nil {
		return Pattern{}, err
	}
	return Pattern{fits}, nil
}

// scanner goes through a text.
type scanner struct {
	text       string
	at         int
	conditions int
}

func (s *scanner) rest() string { return s.text[s.at:] }

func (s *scanner) space() { s.at = len(s.text) - len(strings.TrimLeft(s.rest(), " \t\r\n")) }

// take passes over a word if it comes next, and the space behind it.
func (s *scanner) take(word string) bool {
	if !strings.HasPrefix(s.rest(), word) {
		return false
	}
	s.at += len(word)
	s.space()
	return true
}

// keyword is take for a word of letters, which must not go on.
func (s *scanner) keyword(word string) bool {
	rest := s.rest()
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) || len(rest) > len(word) && isWordByte(rest[len(word)]) {
		return false
	}
	return s.take(rest[:len(word)])
}

func isWordByte(b byte) bool {
	return b == '_' || b == '-' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// wrong says what was wanted where the scanner is.
func (s *scanner) wrong(format string, args ...any) error {
	return fmt.Errorf("%w: at byte %d, %.30q: %s", ErrSyntax, s.at+1, s.rest(), fmt.Sprintf(format, args...))
}

// end fails unless nothing is left.
func (s *scanner) end() error {
	if s.rest() != "" {
		return s.wrong("nothing may come here any more")
	}
	return nil
}

// count counts a condition.
func (s *scanner) count() error {
	if s.conditions++; s.conditions > maxConditions {
		return s.wrong("there are more than %d conditions", maxConditions)
	}
	return nil
}

// quoted reads a quoted text: in it, \" is a quote and \\ a backslash.
func (s *scanner) quoted() (string, error) {
	var b strings.Builder
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(s.text) && strings.IndexByte(`"\`, s.text[i+1]) >= 0:
			i++
			b.WriteByte(s.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", s.wrong("the quote does not end")
}

// expression reads a regular expression between percent signs.
func (s *scanner) expression() (test, error) {
	end := strings.IndexByte(s.rest()[1:], '%')
	if end < 0 {
		return nil, s.wrong("the regular expression does not end")
	}
	body := s.rest()[1 : 1+end]
	re, err := compile(body)
	if err != nil {
		return nil, s.wrong("%s", err)
	}
	s.at += end + 2
	return re, nil
}
