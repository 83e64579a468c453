package policy

import (
	"fmt"
	"slices"
	"testing"
)

// says is what one layer says in TestEveryCombinationOfLayers.
type says string

const (
	absent  says = "absent"
	silent  says = "silent"
	allows  says = "allows"
	denies  says = "denies"
	account says = "allows the account"
	issuer  says = "allows the role"
	direct  says = "allows the caller"
)

// combination is one way in which the layers may meet.
type combination struct {
	caller, owner              string
	trust                      bool
	control, identity          says
	boundary, session, granted says
}

// want follows "Policy evaluation logic" and "Cross-account policy evaluation logic" word by word.
func (c combination) want() Outcome {
	ours, root, service := c.owner == us, c.caller == "root", c.caller == "service:ecs-tasks.amazonaws.com"
	passes := func(s says) bool { return s == allows || s == absent }
	limits := passes(c.boundary) && passes(c.session)
	own := root || c.identity == allows && limits
	binding := []says{c.granted}
	if !service {
		binding = append(binding, c.control)
	}
	if !service && !root {
		binding = append(binding, c.identity, c.boundary, c.session)
	}
	allowed := false
	switch {
	case slices.Contains(binding, denies):
		return ExplicitlyDenied
	case service:
		allowed = c.granted == direct
	case !passes(c.control):
	case !ours:
		allowed = own && (c.granted == account || c.granted == issuer || c.granted == direct)
	case c.trust:
		allowed = c.granted == direct && !root || c.granted == issuer && !root && limits || own && c.granted == account
	default:
		allowed = own || c.granted == direct || c.granted == issuer && limits
	}
	if allowed {
		return Allowed
	}
	return ImplicitlyDenied
}

// layer makes the documents of a layer, none if it is absent.
func layer(t testing.TB, s says) []Attached {
	effects := map[says]string{allows: `"Effect": "Allow", "Action": "sts:*"`, denies: `"Effect": "Deny", "Action": "sts:*"`, silent: `"Effect": "Allow", "Action": "sns:*"`}
	if s == absent {
		return nil
	}
	return attach(t, `{"Version": "2012-10-17", "Statement": {`+effects[s]+`, "Resource": "*"}}`)
}

// granting makes the policy of a resource.
func granting(t testing.TB, c combination) *Attached {
	effect, principal, kind := "Allow", "", Resource
	switch c.granted {
	case absent:
		return nil
	case denies:
		effect, principal = "Deny", `"*"`
	case silent:
		principal = `{"AWS": "arn:aws:iam::123456789012:user/nobody"}`
	case account:
		principal = `{"AWS": "123456789012"}`
	case issuer:
		principal = `{"AWS": "arn:aws:iam::123456789012:role/deploy"}`
	case direct:
		principal = `{"AWS": ["arn:aws:iam::123456789012:user/ann", "arn:aws:sts::123456789012:assumed-role/deploy/s1"], "Service": "ecs-tasks.amazonaws.com"}`
	}
	if c.trust {
		kind = Trust
	}
	d, err := Parse(`{"Version": "2012-10-17", "Statement": {"Effect": "`+effect+`", "Principal": `+principal+`, "Action": "sts:AssumeRole"}}`, kind)
	if err != nil {
		t.Fatal(err)
	}
	return &Attached{Document: d}
}

// granted leaves out what cannot be said of a caller: only a session has a role, and the root user
// is named by its account.
func (c combination) possible() bool {
	switch c.caller {
	case "role:deploy/s1":
		return true
	case "root":
		return c.granted != issuer && c.granted != direct
	}
	return c.granted != issuer && (c.caller == "user:ann" || c.granted != account)
}

func TestEveryCombinationOfLayers(t *testing.T) {
	tried := 0
	for c := range combinations() {
		if !c.possible() {
			continue
		}
		tried++
		p := &Policies{Identity: layer(t, c.identity), Resource: granting(t, c), Session: layer(t, c.session), HasSession: c.session != absent}
		if c.boundary != absent {
			p.Boundary = &layer(t, c.boundary)[0]
		}
		if c.control != absent {
			p.Control = [][]Attached{layer(t, c.control)}
		}
		r := &Request{Principal: caller(t, c.caller), Action: "sts:AssumeRole", Resource: "arn:aws:iam::" + c.owner + ":role/x", ResourceAccount: c.owner}
		d := Evaluate(r, p)
		if d.Outcome != c.want() {
			t.Fatalf("%+v: %v by the %v, want %v", c, d.Outcome, d.By, c.want())
		}
		if s := Simulate(r, p); s.Decision != d {
			t.Fatalf("%+v: simulated as %+v, evaluated as %+v", c, s.Decision, d)
		}
	}
	if tried < 5000 {
		t.Errorf("tried only %d combinations", tried)
	}
}

func combinations() func(func(combination) bool) {
	layers := []says{absent, silent, allows, denies}
	return func(yield func(combination) bool) {
		for i := 0; ; i++ {
			n := i
			pick := func(from int) int { k := n % from; n /= from; return k }
			c := combination{
				caller:  []string{"user:ann", "role:deploy/s1", "root", "service:ecs-tasks.amazonaws.com"}[pick(4)],
				owner:   []string{us, them}[pick(2)],
				trust:   pick(2) == 1,
				control: layers[pick(4)], identity: layers[pick(4)], boundary: layers[pick(4)], session: layers[pick(4)],
				granted: []says{absent, silent, denies, account, issuer, direct}[pick(6)],
			}
			if c.trust && c.granted == absent {
				c.trust = false // a resource without a policy is of no kind
			}
			if n > 0 || !yield(c) {
				return
			}
		}
	}
}

func (c combination) String() string {
	return fmt.Sprintf("%s, resource of %s (trust: %v), control %s, identity %s, boundary %s, session %s, resource policy %s",
		c.caller, c.owner, c.trust, c.control, c.identity, c.boundary, c.session, c.granted)
}
