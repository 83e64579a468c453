package policy

import (
	"strings"
	"unicode/utf8"
)

// verdict is what a comparison comes to. A policy variable that the request has no value for
// makes it unresolved: "any attempt to match it fails".
type verdict int

const (
	no verdict = iota
	yes
	unresolved
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// match compares a text with the pattern. What a variable stands for is taken literally.
func (p *pattern) match(ctx Context, text string) verdict {
	switch p.shape {
	case literal:
		return verdictOf(text == p.text)
	case prefix:
		return verdictOf(strings.HasPrefix(text, p.text))
	case anything:
		return yes
	case wildcards:
		return verdictOf(glob(p.pieces, text, false))
	}
	return p.matchResolved(ctx, text)
}

// matchResolved compares a text with a pattern that has variables.
func (p *pattern) matchResolved(ctx Context, text string) verdict {
	var room [16]piece
	pieces, ok := resolve(room[:0], p.pieces, ctx)
	if !ok {
		return unresolved
	}
	return verdictOf(glob(pieces, text, false))
}

// matchFold compares a text with a pattern that has no variables, ignoring case.
func (p *pattern) matchFold(text string) bool {
	switch p.shape {
	case literal:
		return len(text) == len(p.text) && hasPrefix(text, p.text, true)
	case prefix:
		return hasPrefix(text, p.text, true)
	case anything:
		return true
	}
	return glob(p.pieces, text, true)
}

// resolve appends pieces to room with the values of variables in their place.
func resolve(room, pieces []piece, ctx Context) ([]piece, bool) {
	for _, p := range pieces {
		if p.kind == varPiece {
			value, ok := variable(ctx, p)
			if !ok {
				return nil, false
			}
			p = piece{kind: textPiece, text: value}
		}
		room = append(room, p)
	}
	return room, true
}

// variable returns the value of a variable. A key with several values cannot be a variable.
func variable(ctx Context, p piece) (string, bool) {
	switch values := lookup(ctx, p.text); {
	case len(values) == 1:
		return values[0], true
	case len(values) == 0 && p.fallback != nil:
		return *p.fallback, true
	}
	return "", false
}

// lookup returns the values of a key. A key without values is as good as none.
func lookup(ctx Context, key string) []string {
	if ctx == nil {
		return nil
	}
	values, present := ctx.Values(key)
	if !present {
		return nil
	}
	return values
}

// glob matches a whole text. Each stretch between two runs is looked for once, where it comes
// first: that leaves the most text to what follows.
func glob(pieces []piece, s string, fold bool) bool {
	stretch, rest, more := cutRun(pieces)
	n := at(stretch, s, fold)
	if n < 0 {
		return false
	}
	s = s[n:]
	for more {
		stretch, rest, more = cutRun(rest)
		if !more {
			return endsWith(stretch, s, fold)
		}
		if n = find(stretch, s, fold); n < 0 {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

// cutRun splits pieces at the first run.
func cutRun(pieces []piece) (before, after []piece, found bool) {
	for i := range pieces {
		if pieces[i].kind == runPiece {
			return pieces[:i], pieces[i+1:], true
		}
	}
	return pieces, nil, false
}

// at returns how many bytes of s a stretch without runs matches from its start, or -1.
func at(stretch []piece, s string, fold bool) int {
	n := 0
	for i := range stretch {
		switch p := &stretch[i]; {
		case p.kind == textPiece:
			if !hasPrefix(s[n:], p.text, fold) {
				return -1
			}
			n += len(p.text)
		case n == len(s):
			return -1
		default:
			_, size := utf8.DecodeRuneInString(s[n:])
			n += size
		}
	}
	return n
}

// find returns where the first match of a stretch in s ends, or -1.
func find(stretch []piece, s string, fold bool) int {
	if !fold && marks(stretch) >= manyMarks {
		return findMasked(stretch, s)
	}
	for from := 0; ; {
		if len(stretch) > 0 && stretch[0].kind == textPiece {
			skip := index(s[from:], stretch[0].text, fold)
			if skip < 0 {
				return -1
			}
			from += skip
		}
		if n := at(stretch, s[from:], fold); n >= 0 {
			return from + n
		}
		if from >= len(s) {
			return -1
		}
		_, size := utf8.DecodeRuneInString(s[from:])
		from += size
	}
}

// endsWith reports whether a stretch matches the end of s.
func endsWith(stretch []piece, s string, fold bool) bool {
	from := len(s)
	for i := len(stretch) - 1; i >= 0; i-- {
		size := len(stretch[i].text)
		if stretch[i].kind == onePiece {
			_, size = utf8.DecodeLastRuneInString(s[:from])
		}
		if size > from {
			return false
		}
		from -= size
	}
	return at(stretch, s[from:], fold) == len(s)-from
}

func hasPrefix(s, text string, fold bool) bool {
	if len(s) < len(text) {
		return false
	}
	return s[:len(text)] == text || fold && strings.EqualFold(s[:len(text)], text)
}

func index(s, text string, fold bool) int {
	if !fold {
		return strings.Index(s, text)
	}
	for i := 0; i+len(text) <= len(s); i++ {
		if hasPrefix(s[i:], text, true) {
			return i
		}
	}
	return -1
}
