package policy

import "fmt"

// SyntaxError says what is wrong with the text of a policy, and where.
type SyntaxError struct {
	Text   string // AWS's sentence: `Syntax errors in policy.`
	Detail string // what exactly is wrong, in our words; may be empty
	Place  string // the element: `Statement[1].Condition.StringEquals`; empty for the whole
	Line   int    // of the element, from 1; 0 when it is not known
	Column int    // in characters, from 1
}

func (e *SyntaxError) Error() string {
	place := e.Place
	if e.Line > 0 {
		at := fmt.Sprintf("line %d, column %d", e.Line, e.Column)
		if place != "" {
			at = place + ", " + at
		}
		place = at
	}
	switch {
	case place == "" && e.Detail == "":
		return e.Text
	case e.Detail == "":
		return fmt.Sprintf("%s (%s)", e.Text, place)
	case place == "":
		return fmt.Sprintf("%s (%s)", e.Text, e.Detail)
	}
	return fmt.Sprintf("%s (%s: %s)", e.Text, place, e.Detail)
}

// The sentences of IAM for documents it refuses (MalformedPolicyDocument).
const (
	textSyntax = "Syntax errors in policy."
)
