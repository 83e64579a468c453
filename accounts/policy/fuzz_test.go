package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse looks for texts that break the reader, or that read differently a second time.
func FuzzParse(f *testing.F) {
	f.Add(allowAll, 0)
	f.Add(conditional, 0)
	f.Add(`{"Statement": [{"Sid": "", "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`, 2)
	f.Fuzz(func(t *testing.T, text string, kind int) {
		k := Kind(uint(kind) % 3)
		d, err := Parse(text, k)
		if err != nil {
			checkSyntaxError(t, text, err)
			return
		}
		again, err := RewritePrincipals(text, k, func(name string) string { return name })
		if again != text || err != nil {
			t.Fatalf("%q was rewritten as %q, %v", text, again, err)
		}
		if second, err := Parse(text, k); err != nil || !reflect.DeepEqual(d, second) {
			t.Fatalf("%q reads differently a second time: %v", text, err)
		}
		if d.Statements() == 0 || Size(text) > len(text) {
			t.Fatalf("%q has %d statements and is of size %d", text, d.Statements(), Size(text))
		}
	})
}

func checkSyntaxError(t *testing.T, text string, err error) {
	t.Helper()
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Text == "" {
		t.Fatalf("%q: error %#v", text, err)
	}
	lines := strings.Split(text, "\n")
	if syntax.Line < 1 || syntax.Line > len(lines) {
		t.Fatalf("%q: line %d", text, syntax.Line)
	}
	if most := utf8.RuneCountInString(lines[syntax.Line-1]) + 1; syntax.Column < 1 || syntax.Column > most {
		t.Fatalf("%q: line %d has no column %d", text, syntax.Line, syntax.Column)
	}
}

// FuzzEvaluate looks for policies and requests that break the evaluation, and for a Deny of
// everything that does not win.
func FuzzEvaluate(f *testing.F) {
	f.Add(conditional, `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}}`, "ecs:RunTask", "*", "aws:tagkeys", "cost", 0)
	f.Add(ownApp, "", "ecs:RunTask", "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7", "aws:principaltag/app", "web", 1)
	f.Fuzz(func(t *testing.T, identity, resource, action, on, key, value string, who int) {
		r := &Request{
			Principal: caller(t, []string{"user:ann", "role:deploy/s1", "federated:bob", "root", "service:ecs.amazonaws.com", "anonymous"}[uint(who)%6]),
			Action:    action, Resource: on, Context: keys{strings.ToLower(key): strings.Split(value, ",")},
		}
		p := &Policies{}
		if d, err := Parse(identity, Identity); err == nil {
			p.Identity = []Attached{{Document: d}}
		}
		if d, err := Parse(resource, Kind(1+uint(who)%2)); err == nil {
			p.Resource = &Attached{Document: d}
		}
		d := Evaluate(r, p)
		if s := Simulate(r, p); s.Decision != d {
			t.Fatalf("evaluated as %+v, simulated as %+v", d, s.Decision)
		}
		p.Control = [][]Attached{attach(t, strings.Replace(allowAll, "Allow", "Deny", 1))}
		if limited := Evaluate(r, p); r.Principal.Account != "" && limited.Outcome != ExplicitlyDenied {
			t.Fatalf("in spite of a deny it is %+v", limited)
		}
	})
}
