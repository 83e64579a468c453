package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// scanner walks through the text of a query.
type scanner struct {
	text string
	at   int // bytes
}

// rest is what is left, from its first character that is no space.
func (s *scanner) rest() string {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
	return s.text[s.at:]
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// wrong is an error at the place where the scanner stands.
func (s *scanner) wrong(format string, args ...any) error {
	found := "the end"
	if rest := s.rest(); rest != "" {
		found = fmt.Sprintf("%.20q", rest)
	}
	return fmt.Errorf("%w: at column %d: %s; found %s", ErrSyntax, s.column(), fmt.Sprintf(format, args...), found)
}

// column counts characters from 1.
func (s *scanner) column() int { return utf8.RuneCountInString(s.text[:s.at]) + 1 }

// take passes over a sign if it comes next.
func (s *scanner) take(sign string) bool {
	if !strings.HasPrefix(s.rest(), sign) {
		return false
	}
	s.at += len(sign)
	return true
}

// takeWord passes over a word if it comes next as a whole.
func (s *scanner) takeWord(word string) bool {
	rest := s.rest()
	if !strings.HasPrefix(rest, word) || len(rest) > len(word) && !strings.ContainsRune(" \t\r\n()[]\"'", rune(rest[len(word)])) {
		return false
	}
	s.at += len(word)
	return true
}

// upTo passes over all before the first of the given characters, a space, or the end.
func (s *scanner) upTo(ends string) string {
	rest := s.rest()
	end := strings.IndexAny(rest, ends+" \t\r\n")
	if end < 0 {
		end = len(rest)
	}
	s.at += end
	return rest[:end]
}

// value reads an argument: in quotes, or up to what ends an expression.
func (s *scanner) value() (string, error) {
	if rest := s.rest(); strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'") {
		return s.quoted()
	}
	word := s.upTo(`()[],&|"'`)
	if word == "" || word[0] == '=' {
		s.at -= len(word)
		return "", s.wrong("want a value")
	}
	return word, nil
}

// quoted reads what is between quotes. A backslash before the quote stands for the quote; every other one
// stands for itself, for patterns are full of them.
func (s *scanner) quoted() (string, error) {
	mark := *s
	quote := s.text[s.at]
	var text strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		switch b := s.text[s.at]; {
		case b == quote:
			s.at++
			return text.String(), nil
		case b == '\\' && s.at+1 < len(s.text) && s.text[s.at+1] == quote:
			s.at++
			text.WriteByte(quote)
		default:
			text.WriteByte(b)
		}
	}
	*s = mark
	return "", s.wrong("want a closing %c", quote)
}

// pattern reads the argument of a match: in quotes, or up to a space, a closing parenthesis that was not
// opened in it, && or ||.
func (s *scanner) pattern() (string, error) {
	if rest := s.rest(); strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'") {
		return s.quoted()
	}
	start, open := s.at, 0
	for ; s.at < len(s.text) && !isSpace(s.text[s.at]); s.at++ {
		b, rest := s.text[s.at], s.text[s.at:]
		switch {
		case b == '\\' && len(rest) > 1:
			s.at++
		case b == '(':
			open++
		case b == ')':
			open--
		}
		if open < 0 || open == 0 && (strings.HasPrefix(rest, "&&") || strings.HasPrefix(rest, "||")) {
			break
		}
	}
	if s.at == start {
		return "", s.wrong("want a pattern")
	}
	return s.text[start:s.at], nil
}
