// Package policy is the IAM policy language: it reads policy documents, and decides what the
// policies that meet in one request make of it.
//
// A document is parsed and compiled once; a decision then allocates next to nothing. The package
// knows no accounts, users or stores: who asks, and which policies are attached to whom, comes in
// with each request.
//
// Source: IAM User Guide, "IAM JSON policy elements reference", "Grammar of the IAM JSON policy
// language" and "Policy evaluation logic".
package policy

import (
	"encoding/json"
	"strings"
)

// Kind says where a document is to be used, which decides what it may and must hold.
type Kind int

// The kinds of documents.
const (
	Identity Kind = iota // of a user, group or role, a permissions boundary, or of a session: no Principal
	Resource             // of a resource: needs a Principal; its Resource may be left out
	Trust                // of a role, saying who may assume it: needs a Principal, has no Resource
)

// MaxText is the size in bytes of the longest text that Parse reads. The quotas of IAM are tighter
// and count otherwise: see Size.
const MaxText = 131072

// Document is a policy, read and compiled. It is never changed, and safe for use by many
// goroutines.
type Document struct {
	kind       Kind
	version    string
	statements []statement
	index      map[string][]int // the statements whose actions are of a vendor, in lower case
	rest       []int            // those whose actions may be of any
	keys       []string
	principals []string
}

// Parse reads the text of a policy. The error is a *SyntaxError.
//
// Some texts that IAM accepts are refused, because they can only be mistakes: values that their
// operator cannot read, lists of values that are empty, and policy variables that are malformed or
// stand where none can.
func Parse(text string, kind Kind) (*Document, error) {
	c, err := compile(text, kind)
	if err != nil {
		return nil, err
	}
	return c.doc, nil
}

func compile(text string, kind Kind) (*compiler, error) {
	c := &compiler{
		text: text, doc: &Document{kind: kind, version: version2008},
		sids: map[string]bool{}, keys: map[string]bool{}, named: map[string]bool{},
	}
	if len(text) > MaxText {
		c.fault(atSyntax, 0, c.syntaxText(textJSON), "it is longer than 131072 bytes")
		return nil, c.worst
	}
	root, broken := readJSON(text)
	if broken != nil {
		c.fault(atSyntax, broken.at, c.syntaxText(textJSON), broken.detail)
		return nil, c.worst
	}
	c.policy(&root)
	if c.worst != nil {
		return nil, c.worst
	}
	c.doc.buildIndex()
	return c, nil
}

// buildIndex sorts the statements by the vendors of their actions.
func (d *Document) buildIndex() {
	d.index = map[string][]int{}
	for i := range d.statements {
		s := &d.statements[i]
		if s.vendors == nil {
			d.rest = append(d.rest, i)
		}
		for _, vendor := range s.vendors {
			if list := d.index[vendor]; len(list) == 0 || list[len(list)-1] != i {
				d.index[vendor] = append(list, i)
			}
		}
	}
}

// Kind is what the document was parsed as.
func (d *Document) Kind() Kind { return d.kind }

// Statements is how many statements the document has.
func (d *Document) Statements() int { return len(d.statements) }

// ContextKeys lists the condition keys and policy variables that the document names, each once and
// as it is spelled where it comes first, in the order of the text (GetContextKeysForCustomPolicy).
func (d *Document) ContextKeys() []string { return d.keys }

// Principals lists the "AWS" principals that the document names in Principal and NotPrincipal,
// each once, as they are written: ARNs, account ids, unique ids, "*".
func (d *Document) Principals() []string { return d.principals }

// RewritePrincipals returns the text of a policy with each of its "AWS" principals replaced by
// what rename makes of it; nothing else of the text changes. IAM stores the unique ids of users
// and roles in trust policies, and shows their ARNs: "AWS JSON policy elements: Principal". The
// error is that of Parse.
func RewritePrincipals(text string, kind Kind, rename func(principal string) string) (string, error) {
	c, err := compile(text, kind)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	from := 0
	for _, n := range c.principals {
		name := rename(n.text)
		if name == n.text {
			continue
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return "", err
		}
		out.WriteString(text[from:n.start])
		out.Write(quoted)
		from = n.end
	}
	out.WriteString(text[from:])
	return out.String(), nil
}

// Size is how large a policy is to the quotas of IAM: its characters without white space.
//
// Source: IAM User Guide, "IAM and AWS STS quotas".
func Size(text string) int {
	n := 0
	for _, r := range text {
		if r != ' ' && r != '\t' && r != '\n' && r != '\r' {
			n++
		}
	}
	return n
}
