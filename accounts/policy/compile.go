package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The versions of the language. Policy variables came with the later one.
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// compiler turns the text of a policy into a document. It walks on behind a fault, since what IAM
// says of a text goes by the kinds of faults and not by where they stand.
type compiler struct {
	text string
	doc  *Document

	path  []string // the element it is at
	worst *SyntaxError
	stage stage

	sids       map[string]bool
	keys       map[string]bool // in lower case
	named      map[string]bool
	principals []*node // the strings of "AWS" principals
	at         locator
}

// fault notes a fault, unless one of an earlier stage, or an earlier one, is known.
func (c *compiler) fault(s stage, at int, text, detail string) {
	if c.worst != nil && c.stage <= s {
		return
	}
	p := (&locator{}).advance(c.text, at)
	c.stage, c.worst = s, &SyntaxError{Text: text, Detail: detail, Place: strings.Join(c.path, ""), Line: p.Line, Column: p.Column}
}

// syntaxText is what IAM says of bad syntax: of the policies of identities always the same, of
// others more.
func (c *compiler) syntaxText(other string) string {
	if c.doc.kind == Identity {
		return textSyntax
	}
	return other
}

// syntax notes a fault that IAM has no own words for.
func (c *compiler) syntax(at int, format string, args ...any) {
	c.fault(atSyntax, at, textSyntax, fmt.Sprintf(format, args...))
}

func (c *compiler) enter(name string) {
	if len(c.path) > 0 && !strings.HasPrefix(name, "[") {
		name = "." + name
	}
	c.path = append(c.path, name)
}

func (c *compiler) leave() { c.path = c.path[:len(c.path)-1] }

// object returns the members of an object by name, and notes those that are twice there or not
// known.
func (c *compiler) object(n *node, known ...string) map[string]*node {
	if n.kind != objectNode {
		c.syntax(n.start, "it has to be an object, not %s", n.kind)
		return nil
	}
	members := map[string]*node{}
	for i := range n.members {
		m := &n.members[i]
		if members[m.name] != nil {
			c.syntax(m.at, "%q is there twice", m.name)
		}
		if len(known) > 0 && !slices.Contains(known, m.name) {
			c.fault(atSyntax, m.at, c.syntaxText(fmt.Sprintf(textUnknown, m.name)), fmt.Sprintf("%q is not known here", m.name))
		}
		members[m.name] = &m.value
	}
	return members
}

// element compiles one member of an object, if it is there.
func (c *compiler) element(members map[string]*node, name string, compile func(*node)) {
	if n := members[name]; n != nil {
		c.enter(name)
		compile(n)
		c.leave()
	}
}

func (c *compiler) policy(root *node) {
	members := c.object(root, "Version", "Id", "Statement")
	c.element(members, "Version", c.version)
	c.element(members, "Id", func(n *node) { c.str(n) })
	if c.doc.kind == Identity && c.doc.version != version2012 {
		c.fault(atVersion, root.start, textVersion, "")
	}
	if members["Statement"] == nil {
		c.fault(atSyntax, root.start, c.syntaxText(fmt.Sprintf(textMissing, "Statement")), "it has no Statement")
	}
	c.element(members, "Statement", c.statementList)
}

func (c *compiler) version(n *node) {
	switch n.text {
	case version2008, version2012:
		c.doc.version = n.text
	default:
		c.syntax(n.start, "the version has to be 2012-10-17")
	}
	c.str(n)
}

// str returns the text of a string.
func (c *compiler) str(n *node) string {
	if n.kind != stringNode {
		c.syntax(n.start, "it has to be a string, not %s", n.kind)
	}
	return n.text
}

func (c *compiler) statementList(n *node) {
	switch {
	case n.kind != listNode:
		c.statement(n, n.start+1)
	case len(n.items) == 0:
		c.syntax(n.start, "the list is empty")
	}
	from := n.start + 1
	for i := range n.items {
		c.enter(fmt.Sprintf("[%d]", i))
		c.statement(&n.items[i], from)
		c.leave()
		from = n.items[i].end
	}
}

// each compiles a string, or each of a list of them.
func (c *compiler) each(n *node, compile func(*node)) {
	if n.kind != listNode {
		compile(n)
		return
	}
	for i := range n.items {
		c.enter(fmt.Sprintf("[%d]", i))
		compile(&n.items[i])
		c.leave()
	}
}

// noteKey takes up a condition key or policy variable.
func (c *compiler) noteKey(name string) {
	if key := strings.ToLower(name); !c.keys[key] {
		c.keys[key] = true
		c.doc.keys = append(c.doc.keys, name)
	}
}

func (c *compiler) notePrincipal(n *node) {
	c.principals = append(c.principals, n)
	if !c.named[n.text] {
		c.named[n.text] = true
		c.doc.principals = append(c.doc.principals, n.text)
	}
}

// Position is a place in the text of a document, both counted from 1; columns count characters.
type Position struct{ Line, Column int }

// locator turns offsets into positions. It reads a text once if the offsets ascend.
type locator struct {
	offset int
	line   int // lines before the offset
	column int // characters between the start of its line and the offset
}

func (l *locator) advance(text string, offset int) Position {
	passed := text[l.offset:offset]
	if last := strings.LastIndexByte(passed, '\n'); last >= 0 {
		l.line += strings.Count(passed, "\n")
		l.column = 0
		passed = passed[last+1:]
	}
	l.column += utf8.RuneCountInString(passed)
	l.offset = offset
	return Position{Line: l.line + 1, Column: l.column + 1}
}
