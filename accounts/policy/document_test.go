package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const allowAll = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`

func TestErrorsSayWhatAndWhere(t *testing.T) {
	_, err := Parse("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"ü\", \"Resource\": \"*\"}]\n}", Identity)
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("error is %T", err)
	}
	want := SyntaxError{
		Text:  "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
		Place: "Statement[0].Action", Line: 3, Column: 47,
	}
	if *syntax != want {
		t.Errorf("got  %+v\nwant %+v", *syntax, want)
	}
}

func TestTextsThatAreNoPolicy(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                       "",
		"white space":                 " \n\t",
		"not UTF-8":                   strings.Replace(allowAll, "Allow", "All\xffow", 1),
		"a control character":         strings.Replace(allowAll, "Allow", "All\now", 1),
		"too long":                    allowAll + strings.Repeat(" ", MaxText),
		"deep":                        strings.Repeat("[", 100000),
		"deep objects":                strings.Repeat(`{"Statement":`, 9000),
		"a statement of null":         `{"Version": "2012-10-17", "Statement": null}`,
		"half a surrogate in a name":  `{"Version": "2012-10-17", "\ud800": 1, "Statement": []}`,
		"members without a statement": `{"Version": "2012-10-17", "": {"": []}}`,
	} {
		for _, kind := range []Kind{Identity, Resource, Trust} {
			d, err := Parse(text, kind)
			var syntax *SyntaxError
			if d != nil || !errors.As(err, &syntax) || syntax.Text == "" || syntax.Line < 1 || syntax.Column < 1 {
				t.Errorf("%s as %v: %v, error %v", name, kind, d, err)
			}
		}
	}
	if _, err := Parse(allowAll+strings.Repeat(" ", MaxText-len(allowAll)), Identity); err != nil {
		t.Errorf("a text of just the size that is read: %v", err)
	}
}

func TestPrincipalsAreListedAndRewritten(t *testing.T) {
	const text = `{ "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com", "AWS": ["arn:aws:iam::123456789012:user/ann", "123456789012"]}, "Action": "sts:AssumeRole"},
    {"Effect": "Deny",  "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:user\/ann"}, "Action": "sts:AssumeRole",
     "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/ann"}}},
    {"Effect": "Allow", "Principal": "*", "Action": "sts:TagSession"}
  ] }`
	const user, id = "arn:aws:iam::123456789012:user/ann", "AIDAEXAMPLEANN00000000"
	d, err := Parse(text, Trust)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Principals(); !reflect.DeepEqual(got, []string{user, us}) {
		t.Errorf("names %q", got)
	}
	swap := func(from, to string) func(string) string {
		return func(name string) string {
			if name == from {
				return to
			}
			return name
		}
	}
	stored, err := RewritePrincipals(text, Trust, swap(user, id))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(`["`+user+`"`, `["`+id+`"`, `"arn:aws:iam::123456789012:user\/ann"`, `"`+id+`"`).Replace(text)
	if stored != want {
		t.Errorf("stored as\n%s\nwant\n%s", stored, want)
	}
	shown, err := RewritePrincipals(stored, Trust, swap(id, user))
	if err != nil || shown != strings.Replace(text, `user\/ann`, `user/ann`, 1) {
		t.Errorf("shown as\n%s\n%v", shown, err)
	}
	if same, err := RewritePrincipals(text, Trust, func(name string) string { return name }); same != text || err != nil {
		t.Errorf("what is not renamed changes: %s, %v", same, err)
	}
	if _, err := RewritePrincipals("{", Trust, nil); err == nil {
		t.Error("a broken text was rewritten")
	}
}

func TestSizeCountsNoWhiteSpace(t *testing.T) {
	for text, want := range map[string]int{"": 0, " \t\r\n": 0, "{ \"a\":\n\t\"b c\" }": 10, "äöü €": 4} {
		if got := Size(text); got != want {
			t.Errorf("%q is of size %d, want %d", text, got, want)
		}
	}
}

// "Access denied error message examples" of the IAM User Guide, "Troubleshoot access denied error
// messages".
func TestSentencesOfDenials(t *testing.T) {
	for _, test := range []struct {
		decision Decision
		want     string
	}{
		{Decision{Outcome: ImplicitlyDenied, By: ControlLayer}, "because no service control policy allows the codecommit:ListRepositories action"},
		{Decision{Outcome: ExplicitlyDenied, By: ControlLayer}, "with an explicit deny in a service control policy"},
		{Decision{Outcome: ImplicitlyDenied, By: BoundaryLayer}, "because no permissions boundary allows the codecommit:ListRepositories action"},
		{Decision{Outcome: ExplicitlyDenied, By: BoundaryLayer}, "with an explicit deny in a permissions boundary"},
		{Decision{Outcome: ImplicitlyDenied, By: SessionLayer}, "because no session policy allows the codecommit:ListRepositories action"},
		{Decision{Outcome: ExplicitlyDenied, By: SessionLayer}, "with an explicit deny in a session policy"},
		{Decision{Outcome: ImplicitlyDenied, By: ResourceLayer}, "because no resource-based policy allows the codecommit:ListRepositories action"},
		{Decision{Outcome: ExplicitlyDenied, By: ResourceLayer}, "with an explicit deny in a resource-based policy"},
		{Decision{Outcome: ImplicitlyDenied, By: TrustLayer}, "because no role trust policy allows the codecommit:ListRepositories action"},
		{Decision{Outcome: ExplicitlyDenied, By: TrustLayer}, "with an explicit deny in the role trust policy"},
		{Decision{Outcome: ImplicitlyDenied, By: IdentityLayer}, "because no identity-based policy allows the codecommit:ListRepositories action"},
		{Decision{Outcome: ExplicitlyDenied, By: IdentityLayer}, "with an explicit deny in an identity-based policy"},
		{Decision{Outcome: Allowed, By: IdentityLayer}, ""},
	} {
		if got := test.decision.Because("codecommit:ListRepositories"); got != test.want {
			t.Errorf("%s\nwant %s", got, test.want)
		}
	}
}

func TestNothingIsAllowedByDefault(t *testing.T) {
	if d := Evaluate(&Request{}, &Policies{}); d.Outcome != ImplicitlyDenied {
		t.Errorf("a request of nobody for nothing: %+v", d)
	}
	if d := Evaluate(&Request{Action: "a:b", Resource: "*"}, &Policies{Identity: attach(t, allowAll)}); d.Outcome != ImplicitlyDenied {
		t.Errorf("a request of nobody, though its policies allow: %+v", d)
	}
	r := runTask(nil)
	if d := Evaluate(r, &Policies{Identity: []Attached{{Name: "without a document"}}}); d.Outcome != ImplicitlyDenied {
		t.Errorf("a policy without a document: %+v", d)
	}
	if d := Evaluate(r, &Policies{Identity: attach(t, conditional)}); d.Outcome != ImplicitlyDenied {
		t.Errorf("conditions without a context: %+v", d)
	}
	if d := (Decision{}); d.Outcome == Allowed {
		t.Error("the zero decision allows")
	}
}

func TestDecisionNamesItsStatement(t *testing.T) {
	list := attach(t, statements(3), allowAll)
	d := Evaluate(runTask(nil), &Policies{Identity: list})
	if d.Outcome != Allowed || d.Policy != &list[0] || d.Statement != 2 || list[0].Document.Statements() != 3 {
		t.Errorf("decided by %+v", d)
	}
}
