package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// statement is a compiled statement: who may do what, on which resources, and when. The elements
// that begin with Not have the field of their opposite, and a flag.
type statement struct {
	sid        string
	deny       bool
	start, end Position

	who     *principals // nil: whoever the policy is attached to
	notWho  bool
	actions []pattern
	notDo   bool
	vendors []string // of all its actions, in lower case; nil: of any
	on      []arnPattern
	notOn   bool
	onAny   bool        // has no Resource element, as trust policies have none
	when    []condition // all of them have to hold
}

var (
	statementElements = []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
	alphanumeric      = regexp.MustCompile(`^[0-9A-Za-z]*$`)
)

// statement compiles a statement. IAM reports as its start where it had read to before it: behind the
// brace of one that stands alone, behind the bracket of a list or the end of the statement before.
func (c *compiler) statement(n *node, from int) {
	members := c.object(n, statementElements...)
	if members == nil {
		return
	}
	s := &statement{start: c.at.advance(c.text, from), end: c.at.advance(c.text, n.end)}
	c.element(members, "Sid", func(n *node) { s.sid = c.sid(n) })
	c.effect(s, n, members)
	c.principalElement(s, n, members)
	c.actionElement(s, n, members)
	c.resourceElement(s, n, members)
	c.element(members, "Condition", func(n *node) { c.conditions(s, n) })
	c.doc.statements = append(c.doc.statements, *s)
}

func (c *compiler) sid(n *node) string {
	sid := c.str(n)
	switch {
	case c.doc.kind != Resource && !alphanumeric.MatchString(sid):
		c.fault(atSids, n.start, textSid, "")
	case sid != "" && c.sids[sid]:
		c.fault(atSids, n.start, textSidTwice, fmt.Sprintf("%q is there twice", sid))
	}
	c.sids[sid] = true
	return sid
}

func (c *compiler) effect(s *statement, parent *node, members map[string]*node) {
	if members["Effect"] == nil {
		c.fault(atSyntax, parent.start, c.syntaxText(fmt.Sprintf(textMissing, "Effect")), "it has no Effect")
	}
	c.element(members, "Effect", func(n *node) {
		switch effect := c.str(n); {
		case effect == "Allow":
		case effect == "Deny":
			s.deny = true
		case strings.EqualFold(effect, "Allow"), strings.EqualFold(effect, "Deny"):
			c.fault(atLegacy, n.start, textLegacy, "the effect has to be Allow or Deny, written so")
		default:
			c.syntax(n.start, "the effect has to be Allow or Deny")
		}
	})
}

// either returns the one of two elements that is there, and notes it if both are.
func (c *compiler) either(members map[string]*node, name, not string) (found string, negated bool) {
	switch a, b := members[name], members[not]; {
	case a != nil && b != nil:
		c.syntax(b.start, "%s and %s are both there", name, not)
		return name, false
	case a != nil:
		return name, false
	case b != nil:
		return not, true
	}
	return "", false
}

func (c *compiler) principalElement(s *statement, parent *node, members map[string]*node) {
	name, negated := c.either(members, "Principal", "NotPrincipal")
	switch {
	case c.doc.kind == Identity && name != "":
		c.fault(atPrincipal, members[name].start, textPrincipal, "")
	case c.doc.kind != Identity && name == "":
		c.fault(atSyntax, parent.start, fmt.Sprintf(textMissing, "Principal"), "")
	}
	s.notWho = negated
	c.element(members, name, func(n *node) { s.who = c.principalSet(n) })
}

func (c *compiler) principalSet(n *node) *principals {
	p := &principals{}
	if n.kind == stringNode {
		p.everyone = n.text == "*"
		if !p.everyone {
			c.fault(atSyntax, n.start, fmt.Sprintf(textNoPrincipal, "AWS", n.text), `a principal is "*" or an object such as {"AWS": "123456789012"}`)
		}
		return p
	}
	kinds := c.object(n, "AWS", "Federated", "Service", "CanonicalUser")
	if kinds != nil && len(kinds) == 0 {
		c.syntax(n.start, "it names no principal")
	}
	for i := range n.members {
		m := &n.members[i]
		c.element(kinds, m.name, func(n *node) { c.principalList(p, m.name, n) })
	}
	return p
}

func (c *compiler) principalList(p *principals, kind string, n *node) {
	if n.kind == listNode && len(n.items) == 0 {
		c.syntax(n.start, "the list is empty")
	}
	c.each(n, func(n *node) {
		name := c.str(n)
		if !p.add(kind, name) {
			label := kind
			if kind != "AWS" {
				label = strings.ToUpper(kind)
			}
			c.fault(atSyntax, n.start, fmt.Sprintf(textNoPrincipal, label, name), "")
		}
		if kind == "AWS" {
			c.notePrincipal(n)
		}
	})
}

func (c *compiler) conditions(s *statement, n *node) {
	for name, n := range c.ordered(n) {
		c.enter(name)
		op, ok := parseOperator(name)
		if !ok {
			c.syntax(n.start, "%q is no condition operator", name)
		}
		for key, n := range c.ordered(n) {
			c.enter(key)
			if ok {
				s.when = append(s.when, c.condition(op, key, n))
			}
			c.leave()
		}
		c.leave()
	}
}

// condition compiles one key and its values for an operator.
func (c *compiler) condition(op condition, key string, n *node) condition {
	op.name, op.key = key, strings.ToLower(key)
	if key == "" {
		c.syntax(n.start, "a condition key has no name")
	}
	c.noteKey(key)
	if n.kind == listNode && len(n.items) == 0 {
		c.syntax(n.start, "the list is empty")
	}
	c.each(n, func(n *node) {
		switch n.kind {
		case stringNode, numberNode, boolNode:
		default:
			c.syntax(n.start, "it has to be a string, a number or a boolean, not %s", n.kind)
			return
		}
		value, err := op.operator.compile(n.text, c.doc.version == version2012)
		if err != nil {
			c.fault(atLegacy, n.start, textLegacy, err.Error())
			return
		}
		op.operands = append(op.operands, value)
		for _, key := range value.variables() {
			c.noteKey(key)
		}
	})
	return op
}

// ordered yields the members of an object in their order, each name once.
func (c *compiler) ordered(n *node) func(func(string, *node) bool) {
	members := c.object(n)
	return func(yield func(string, *node) bool) {
		for i := range n.members {
			if m := &n.members[i]; members[m.name] == &m.value && !yield(m.name, &m.value) {
				return
			}
		}
	}
}
