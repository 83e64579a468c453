package policy

import (
	"errors"
	"strings"
)

// pattern is a text with wildcards and policy variables, compiled. Matching takes time in the length
// of the text, however many wildcards there are.
//
// Source: IAM User Guide, "IAM policy elements: Variables and tags".
type pattern struct {
	shape  shape
	text   string // of a literal or prefix
	pieces []piece
	keys   []string // the variables, as they are spelled
}

// shape tells the patterns that are matched at once from those that are walked.
type shape int

const (
	literal   shape = iota // text and nothing else
	prefix                 // text and a "*"
	anything               // "*"
	wildcards              // any pieces but variables
	variables              // has variables
)

type piece struct {
	kind     pieceKind
	text     string  // of textPiece; the key of varPiece, in lower case
	fallback *string // the default of varPiece
}

type pieceKind int

const (
	textPiece pieceKind = iota
	runPiece            // "*": any characters, also none
	onePiece            // "?": any one character
	varPiece            // "${key}"
)

// syntax says what is special in a pattern.
type syntax struct{ wild, vars bool }

var (
	errVariableEnd   = errors.New(`a variable has no closing brace; a dollar sign before a brace is written ${$}`)
	errVariableName  = errors.New(`a variable is of the form ${key} or ${key, 'default'}`)
	errVariableQuote = errors.New(`the default of a variable stands in single quotes: ${key, 'default'}`)
)

func compilePattern(source string, s syntax) (pattern, error) {
	r := patternReader{}
	for rest := source; rest != ""; {
		switch {
		case s.wild && rest[0] == '*':
			r.add(piece{kind: runPiece})
			rest = rest[1:]
		case s.wild && rest[0] == '?':
			r.add(piece{kind: onePiece})
			rest = rest[1:]
		case s.vars && strings.HasPrefix(rest, "${"):
			var err error
			if rest, err = r.variable(rest); err != nil {
				return pattern{}, err
			}
		default:
			n := plain(rest, s)
			r.pending = append(r.pending, rest[:n]...)
			rest = rest[n:]
		}
	}
	r.flush()
	r.settle()
	return r.pattern, nil
}

// patternReader is a pattern that is being read.
type patternReader struct {
	pattern
	pending []byte // text that is not yet in a piece
}

// plain is how many bytes from the start of s, at least one, mean themselves.
func plain(s string, special syntax) int {
	for i := 1; i < len(s); i++ {
		c := s[i]
		if special.wild && (c == '*' || c == '?') || special.vars && c == '$' && strings.HasPrefix(s[i:], "${") {
			return i
		}
	}
	return len(s)
}

// add adds a piece. Of several runs in a row one is enough.
func (r *patternReader) add(p piece) {
	r.flush()
	if n := len(r.pieces); n == 0 || p.kind != runPiece || r.pieces[n-1].kind != runPiece {
		r.pieces = append(r.pieces, p)
	}
}

func (r *patternReader) flush() {
	if len(r.pending) > 0 {
		r.pieces = append(r.pieces, piece{kind: textPiece, text: string(r.pending)})
		r.pending = r.pending[:0]
	}
}

// variable takes the variable that rest begins with, and returns what follows it.
func (r *patternReader) variable(rest string) (string, error) {
	body, rest, found := strings.Cut(rest[len("${"):], "}")
	if !found {
		return "", errVariableEnd
	}
	if body == "*" || body == "?" || body == "$" {
		r.pending = append(r.pending, body...)
		return rest, nil
	}
	key, fallback, err := cutDefault(body)
	if err != nil {
		return "", err
	}
	r.add(piece{kind: varPiece, text: strings.ToLower(key), fallback: fallback})
	r.keys = append(r.keys, key)
	return rest, nil
}

func cutDefault(body string) (key string, fallback *string, err error) {
	key, quoted, has := strings.Cut(body, ",")
	key = strings.TrimSpace(key)
	if key == "" || strings.ContainsAny(key, "${'\"*?") {
		return "", nil, errVariableName
	}
	if !has {
		return key, nil, nil
	}
	quoted = strings.TrimSpace(quoted)
	if len(quoted) < 2 || quoted[0] != '\'' || quoted[len(quoted)-1] != '\'' {
		return "", nil, errVariableQuote
	}
	value := quoted[1 : len(quoted)-1]
	return key, &value, nil
}

// settle finds the shape.
func (p *pattern) settle() {
	n := len(p.pieces)
	switch {
	case len(p.keys) > 0:
		p.shape = variables
	case n == 0:
		p.shape = literal
	case n == 1 && p.pieces[0].kind == textPiece:
		p.shape, p.text = literal, p.pieces[0].text
	case n == 1 && p.pieces[0].kind == runPiece:
		p.shape = anything
	case n == 2 && p.pieces[0].kind == textPiece && p.pieces[1].kind == runPiece:
		p.shape, p.text = prefix, p.pieces[0].text
	default:
		p.shape = wildcards
	}
}
