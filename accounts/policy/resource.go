package policy

import (
	"errors"
	"fmt"
	"strings"
)

func (c *compiler) resourceElement(s *statement, parent *node, members map[string]*node) {
	name, negated := c.either(members, "Resource", "NotResource")
	n := members[name]
	switch {
	case c.doc.kind == Trust && n != nil:
		c.fault(atSyntax, n.start, fmt.Sprintf(textProhibited, name), "")
	case n != nil && n.kind == listNode && len(n.items) == 0, n == nil && c.doc.kind == Identity:
		c.fault(atNoResource, parent.start, textNoResources, "")
	}
	s.notOn, s.onAny = negated, n == nil
	c.element(members, name, func(n *node) {
		c.each(n, func(n *node) { c.resource(s, n) })
	})
}

func (c *compiler) resource(s *statement, n *node) {
	text := c.str(n)
	if n.kind != stringNode {
		return
	}
	c.checkResource(n, text)
	a, err := compileARN(text, c.doc.version == version2012)
	if err == nil && len(a.keys) > len(a.parts[5].keys) {
		err = errEarlyVariable
	}
	if err != nil {
		c.fault(atLegacy, n.start, textLegacy, err.Error())
		return
	}
	s.on = append(s.on, a)
	for _, key := range a.keys {
		c.noteKey(key)
	}
}

var errEarlyVariable = errors.New("a variable may stand only in the last part of the ARN, behind the fifth colon")

// checkResource notes what IAM does about the form of a resource.
func (c *compiler) checkResource(n *node, text string) {
	if text == "*" {
		return
	}
	if !strings.Contains(text, ":") {
		c.fault(atResource, n.start, fmt.Sprintf(textARN, text), "")
		return
	}
	parts := patternParts(text, c.doc.version == version2012)
	parts[0] = "arn"
	switch service := parts[2]; {
	case !validPartition(parts[1]):
		c.fault(atResource, n.start, fmt.Sprintf(textPartition, parts[1], strings.Join(parts[:], ":")), "")
	case service == "" || strings.Count(text, ":") == 4 && !accountPart(parts[4]):
		c.fault(atLegacy, n.start, textLegacy, "an ARN is of the form arn:partition:service:region:account:resource")
	case strings.ContainsAny(service, "*?"):
		c.fault(atResource, n.start, textQualified, "")
	case service == "iam":
		c.checkIAM(n, text, &parts)
	case service == "s3" && parts[3] != "" && parts[3] != "*" && !strings.HasPrefix(parts[5], "accesspoint"):
		c.fault(atResource, n.start, fmt.Sprintf(textS3Region, text), "")
	}
}

// accountPart reports whether the text in the place of an account may be one.
func accountPart(s string) bool {
	return s == "" || s == "aws" || accountForm.MatchString(s) || strings.ContainsAny(s, "*?")
}

func validPartition(s string) bool {
	return s == "aws" || strings.HasPrefix(s, "aws-") || strings.ContainsAny(s, "*?")
}

var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/",
	"policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

func (c *compiler) checkIAM(n *node, text string, parts *[6]string) {
	if parts[3] != "" && parts[3] != "*" {
		c.fault(atResource, n.start, fmt.Sprintf(textIAMRegion, text), "")
		return
	}
	if !iamPath(parts[5]) {
		c.fault(atResource, n.start, textIAMPath, "")
	}
}

// iamPath reports whether a pattern may stand for something of IAM. What comes before its first
// wildcard decides.
func iamPath(resource string) bool {
	known := resource
	if i := strings.IndexAny(resource, "*?$"); i >= 0 {
		known = resource[:i]
	}
	if resource == "root" {
		return true
	}
	for _, path := range iamPaths {
		if strings.HasPrefix(known, path) || known != resource && strings.HasPrefix(path, known) {
			return true
		}
	}
	return false
}
