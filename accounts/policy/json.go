package policy

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// node is a JSON value that remembers where in the text it stands.
type node struct {
	kind    nodeKind
	text    string // the value of a string; a number or boolean as it is written
	members []member
	items   []node
	start   int // offset of its first byte
	end     int // offset behind its last byte
}

type nodeKind int

const (
	objectNode nodeKind = iota
	listNode
	stringNode
	numberNode
	boolNode
	nullNode
)

func (k nodeKind) String() string {
	return [...]string{"an object", "a list", "a string", "a number", "a boolean", "null"}[k]
}

type member struct {
	name  string
	at    int // offset of the name
	value node
}

// maxDepth is deeper than any policy nests.
const maxDepth = 12

// jsonReader reads one JSON text strictly: the decoder of the standard library does not say where
// values stand, and keeps silent about duplicate names.
type jsonReader struct {
	text string
	at   int
}

// jsonFault is where and why a text is no JSON.
type jsonFault struct {
	at     int
	detail string
}

// readJSON reads the only value of a text.
func readJSON(text string) (node, *jsonFault) {
	if !utf8.ValidString(text) {
		return node{}, &jsonFault{0, "it is not UTF-8"}
	}
	r := &jsonReader{text: text}
	n, fault := r.value(0)
	if fault != nil {
		return node{}, fault
	}
	if c := r.peek(); c != 0 || r.at < len(text) {
		return node{}, r.fault("there is more text behind the policy")
	}
	return n, nil
}

func (r *jsonReader) fault(detail string) *jsonFault { return &jsonFault{r.at, detail} }

// peek skips white space and returns the byte that follows, or 0 at the end.
func (r *jsonReader) peek() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

func (r *jsonReader) value(depth int) (node, *jsonFault) {
	switch c := r.peek(); {
	case depth > maxDepth:
		return node{}, r.fault("it nests too deeply")
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.list(depth)
	case c == '"':
		return r.str()
	default:
		return r.literal()
	}
}

func (r *jsonReader) object(depth int) (node, *jsonFault) {
	n := node{kind: objectNode, start: r.at}
	r.at++
	if r.peek() == '}' {
		return r.close(n)
	}
	for {
		m, fault := r.member(depth)
		if fault != nil {
			return n, fault
		}
		n.members = append(n.members, m)
		switch r.peek() {
		case ',':
			r.at++
		case '}':
			return r.close(n)
		default:
			return n, r.fault("expected a comma or the end of the object")
		}
	}
}

func (r *jsonReader) close(n node) (node, *jsonFault) {
	r.at++
	n.end = r.at
	return n, nil
}

func (r *jsonReader) member(depth int) (member, *jsonFault) {
	if r.peek() != '"' {
		return member{}, r.fault("expected a name in quotes")
	}
	name, fault := r.str()
	if fault != nil {
		return member{}, fault
	}
	if r.peek() != ':' {
		return member{}, r.fault("expected a colon")
	}
	r.at++
	value, fault := r.value(depth + 1)
	return member{name.text, name.start, value}, fault
}

func (r *jsonReader) list(depth int) (node, *jsonFault) {
	n := node{kind: listNode, start: r.at}
	r.at++
	if r.peek() == ']' {
		return r.close(n)
	}
	for {
		item, fault := r.value(depth + 1)
		if fault != nil {
			return n, fault
		}
		n.items = append(n.items, item)
		switch r.peek() {
		case ',':
			r.at++
		case ']':
			return r.close(n)
		default:
			return n, r.fault("expected a comma or the end of the list")
		}
	}
}

func (r *jsonReader) str() (node, *jsonFault) {
	n := node{kind: stringNode, start: r.at}
	escaped := false
	for i := r.at + 1; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return n, r.fault("a string holds a control character")
		case c == '"':
			n.end = i + 1
			return r.unquote(n, escaped)
		}
	}
	return n, r.fault("a string has no end")
}

func (r *jsonReader) unquote(n node, escaped bool) (node, *jsonFault) {
	n.text = r.text[n.start+1 : n.end-1]
	if escaped {
		if err := json.Unmarshal([]byte(r.text[n.start:n.end]), &n.text); err != nil {
			return n, r.fault("a string holds a bad escape")
		}
	}
	r.at = n.end
	return n, nil
}

func (r *jsonReader) literal() (node, *jsonFault) {
	n := node{start: r.at, end: r.at}
	for n.end < len(r.text) && strings.IndexByte(" \t\n\r,:]}", r.text[n.end]) < 0 {
		n.end++
	}
	n.text = r.text[n.start:n.end]
	switch {
	case n.text == "":
		return n, r.fault("expected a value")
	case n.text == "true" || n.text == "false":
		n.kind = boolNode
	case n.text == "null":
		n.kind = nullNode
	case json.Valid([]byte(n.text)):
		n.kind = numberNode
	default:
		return n, r.fault("expected a value")
	}
	r.at = n.end
	return n, nil
}
