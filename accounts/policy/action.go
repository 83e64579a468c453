package policy

import (
	"fmt"
	"regexp"
	"strings"
)

func (c *compiler) actionElement(s *statement, parent *node, members map[string]*node) {
	name, negated := c.either(members, "Action", "NotAction")
	if c.doc.kind == Trust && negated {
		c.fault(atSyntax, members[name].start, fmt.Sprintf(textProhibited, name), "")
	}
	if n := members[name]; n == nil || n.kind == listNode && len(n.items) == 0 {
		c.noActions(parent)
	}
	s.notDo = negated
	c.element(members, name, func(n *node) {
		c.each(n, func(n *node) { c.action(s, n) })
	})
	if s.notDo {
		s.vendors = nil
	}
}

func (c *compiler) noActions(parent *node) {
	if c.doc.kind == Identity {
		c.fault(atNoAction, parent.start, textNoActions, "")
		return
	}
	c.fault(atSyntax, parent.start, fmt.Sprintf(textMissing, "Action"), "")
}

// vendorForm is what names a service; wildcards may stand in for parts of it.
var vendorForm = regexp.MustCompile(`^[a-zA-Z0-9.*?-]+$`)

// action compiles a pattern such as ecs:Run*.
func (c *compiler) action(s *statement, n *node) {
	text := c.str(n)
	if n.kind != stringNode {
		return
	}
	vendor, name, found := strings.Cut(text, ":")
	switch {
	case text == "*":
	case !found:
		c.fault(atAction, n.start, textVendor, "")
	case strings.Contains(name, ":"):
		c.fault(atAction, n.start, textOneColon, "")
	case !vendorForm.MatchString(vendor):
		c.fault(atAction, n.start, fmt.Sprintf(textBadVendor, vendor), "")
	}
	if c.doc.kind == Trust && !assumes(text) {
		c.fault(atAction, n.start, textTrustAction, "")
	}
	p, err := compilePattern(text, syntax{wild: true})
	if err != nil {
		c.syntax(n.start, "%s", err)
	}
	s.addAction(p, strings.ToLower(vendor))
}

// addAction adds a pattern, and keeps the vendors of all of them as long as each has one.
func (s *statement) addAction(p pattern, vendor string) {
	first := len(s.actions) == 0
	s.actions = append(s.actions, p)
	switch {
	case strings.ContainsAny(vendor, "*?"):
		s.vendors = nil
	case first, s.vendors != nil:
		s.vendors = append(s.vendors, vendor)
	}
}

// trusted are the actions that a trust policy may hold.
var trusted = []string{
	"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity",
	"sts:SetContext", "sts:SetSourceIdentity", "sts:TagSession",
}

// assumes reports whether a pattern stands for actions that a trust policy may hold.
func assumes(text string) bool {
	vendor, _, _ := strings.Cut(text, ":")
	if !strings.EqualFold(vendor, "sts") {
		return false
	}
	p, err := compilePattern(text, syntax{wild: true})
	for _, action := range trusted {
		if err == nil && p.matchFold(action) {
			return true
		}
	}
	return false
}
