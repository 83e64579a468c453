package route

import "strings"

// Pattern matches text as conditions of rules do: "*" stands for any number of characters, "?" for exactly one.
// A match takes time in proportion to the text, whatever the pattern, unless it has "?" between stars.
type Pattern struct {
	parts []part // between the stars; one part: no star
	fold  bool   // upper and lower case are the same
}

// part is what has to be found in one piece.
type part struct {
	text string
	any  []bool // where any character will do; nil: nowhere
}

// NewPattern reads a pattern. With fold, ASCII letters of either case are the same; with escapes, a backslash
// takes its meaning from the character behind it.
func NewPattern(text string, fold, escapes bool) Pattern {
	if fold {
		text = lower(text)
	}
	p := Pattern{fold: fold, parts: []part{{}}}
	for i := 0; i < len(text); i++ {
		last := &p.parts[len(p.parts)-1]
		switch c := text[i]; {
		case escapes && c == '\\' && i+1 < len(text):
			i++
			last.add(text[i], false)
		case c == '*':
			p.parts = append(p.parts, part{})
		default:
			last.add(c, c == '?')
		}
	}
	return p
}

func (p *part) add(c byte, anything bool) {
	if anything && p.any == nil {
		p.any = make([]bool, len(p.text))
	}
	p.text += string([]byte{c})
	if p.any != nil {
		p.any = append(p.any, anything)
	}
}

// at tells whether the part is at the front of s.
func (p part) at(s string) bool {
	if p.any == nil || len(s) < len(p.text) {
		return strings.HasPrefix(s, p.text)
	}
	for i := range len(p.text) {
		if !p.any[i] && p.text[i] != s[i] {
			return false
		}
	}
	return true
}

// index is where the part is found first in s; -1: nowhere.
func (p part) index(s string) int {
	if p.any == nil {
		return strings.Index(s, p.text)
	}
	for i := 0; i+len(p.text) <= len(s); i++ {
		if p.at(s[i:]) {
			return i
		}
	}
	return -1
}

// Match tells whether all of s is what the pattern says.
func (p Pattern) Match(s string) bool {
	if p.fold {
		s = lower(s)
	}
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if len(p.parts) == 1 {
		return len(s) == len(first.text) && first.at(s)
	}
	if !first.at(s) {
		return false
	}
	s = s[len(first.text):]
	for _, between := range p.parts[1 : len(p.parts)-1] {
		i := between.index(s)
		if i < 0 {
			return false
		}
		s = s[i+len(between.text):]
	}
	return len(s) >= len(last.text) && last.at(s[len(s)-len(last.text):])
}

// lower makes ASCII letters small, and leaves all other bytes as they are.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return lowered(s)
		}
	}
	return s
}

func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
