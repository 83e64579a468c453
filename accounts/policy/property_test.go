package policy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// source is the text of a policy before it is written: what the properties change.
type source struct {
	kind       Kind
	statements []map[string]any
}

func (s source) text(t *rapid.T) string {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": s.statements})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s source) parse(t *rapid.T) Attached {
	if len(s.statements) == 0 {
		return Attached{Document: &Document{kind: s.kind}}
	}
	d, err := Parse(s.text(t), s.kind)
	if err != nil {
		t.Fatalf("%s: %v", s.text(t), err)
	}
	return Attached{Document: d}
}

// sources is what becomes Policies.
type sources struct {
	identity, boundary, session, control []source
	resource                             *source
}

func (s sources) policies(t *rapid.T) *Policies {
	p := &Policies{HasSession: len(s.session) > 0}
	for _, one := range s.identity {
		p.Identity = append(p.Identity, one.parse(t))
	}
	for _, one := range s.session {
		p.Session = append(p.Session, one.parse(t))
	}
	for _, one := range s.control {
		p.Control = append(p.Control, []Attached{one.parse(t)})
	}
	for _, one := range s.boundary {
		a := one.parse(t)
		p.Boundary = &a
	}
	if s.resource != nil {
		a := s.resource.parse(t)
		p.Resource = &a
	}
	return p
}

// all lists the policies of every layer.
func (s *sources) all() (list []*source) {
	for _, layer := range [][]source{s.identity, s.boundary, s.session, s.control} {
		for i := range layer {
			list = append(list, &layer[i])
		}
	}
	if s.resource != nil {
		list = append(list, s.resource)
	}
	return list
}

var (
	someActions    = []string{"sts:AssumeRole", "sts:*", "*", "sts:Tag*", "STS:assume?ole", "ecs:RunTask", "ecs:*"}
	someResources  = []string{"*", "arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/${aws:username}", "arn:aws:iam::222222222222:role/x", "arn:aws:ecs:*:*:task/*"}
	somePrincipals = []any{"*", map[string]any{"AWS": us}, map[string]any{"AWS": "arn:aws:iam::123456789012:user/ann"},
		map[string]any{"AWS": []string{"arn:aws:iam::123456789012:role/deploy", them}}, map[string]any{"Service": "ecs.amazonaws.com"},
		map[string]any{"AWS": []string{us, "arn:aws:iam::123456789012:role/deploy", "arn:aws:sts::123456789012:assumed-role/deploy/s1"}}}
	someConditions = []map[string]any{
		{"StringEquals": map[string]any{"aws:username": []string{"ann", "bea"}}},
		{"StringNotLike": map[string]any{"aws:username": "a*"}},
		{"ForAllValues:StringEquals": map[string]any{"aws:TagKeys": []string{"a", "b"}}},
		{"ForAnyValue:StringNotEquals": map[string]any{"aws:TagKeys": "a"}},
		{"NumericLessThanIfExists": map[string]any{"n": 5}, "Null": map[string]any{"aws:username": false}},
		{"IpAddress": map[string]any{"aws:SourceIp": "10.0.0.0/8"}},
		{"StringNotEquals": map[string]any{"k": "${aws:username}"}},
		{"DateGreaterThan": map[string]any{"aws:CurrentTime": "2026-01-01T00:00:00Z"}, "Bool": map[string]any{"b": true}},
		{"ArnLike": map[string]any{"aws:SourceArn": "arn:aws:*:*:${aws:username, '123456789012'}:*"}, "BinaryEquals": map[string]any{"x": "eA=="}},
	}
)

func draw[T any](t *rapid.T, from []T) T { return rapid.SampledFrom(from).Draw(t, "one of") }

func drawSource(t *rapid.T, kind Kind) source {
	s := source{kind: kind}
	for range rapid.IntRange(1, 4).Draw(t, "statements") {
		s.statements = append(s.statements, drawStatement(t, kind))
	}
	return s
}

func drawStatement(t *rapid.T, kind Kind) map[string]any {
	actions := []any{draw(t, someActions), rapid.SliceOfN(rapid.SampledFrom(someActions), 1, 3).Draw(t, "actions")}
	st := map[string]any{"Effect": draw(t, []string{"Allow", "Allow", "Allow", "Deny"})}
	st[draw(t, []string{"Action", "Action", "NotAction"})] = draw(t, actions)
	st[draw(t, []string{"Resource", "Resource", "NotResource"})] = rapid.SliceOfN(rapid.SampledFrom(someResources), 1, 2).Draw(t, "resources")
	if kind != Identity {
		st[draw(t, []string{"Principal", "Principal", "NotPrincipal"})] = draw(t, somePrincipals)
	}
	if kind == Trust {
		delete(st, "NotAction")
		delete(st, "Resource")
		delete(st, "NotResource")
		st["Action"] = draw(t, []string{"sts:AssumeRole", "sts:*", "sts:TagSession"})
	}
	if rapid.IntRange(0, 2).Draw(t, "condition") == 0 {
		st["Condition"] = draw(t, someConditions)
	}
	return st
}

func drawSources(t *rapid.T) sources {
	some := func(most int) (list []source) {
		for range rapid.IntRange(0, most).Draw(t, "policies") {
			list = append(list, drawSource(t, Identity))
		}
		return list
	}
	s := sources{identity: some(3), boundary: some(1), session: some(2), control: some(1)}
	if kind := draw(t, []Kind{Identity, Resource, Trust}); kind != Identity {
		one := drawSource(t, kind)
		s.resource = &one
	}
	return s
}

func drawRequest(t *rapid.T) *Request {
	ctx := keys{}
	for key, values := range map[string][]string{
		"aws:username": {"ann", "bea", "role/x"}, "aws:tagkeys": {"a", "b", ""}, "n": {"4", "6", "x"}, "aws:sourceip": {"10.1.1.1", "11.1.1.1"},
		"k": {"ann", "c"}, "aws:currenttime": {"2026-02-01T00:00:00Z", "2025-02-01T00:00:00Z"}, "b": {"true", "false"},
		"aws:sourcearn": {"arn:aws:ecs:us-east-1:123456789012:task/1"}, "x": {"x", "y"},
	} {
		if n := rapid.IntRange(0, 2).Draw(t, key); n > 0 {
			ctx[key] = rapid.SliceOfN(rapid.SampledFrom(values), 0, n).Draw(t, "values")
		}
	}
	return &Request{
		Principal: caller(t, draw(t, []string{"user:ann", "user:bea", "role:deploy/s1", "role:deploy/s2", "root", "federated:bob", "service:ecs.amazonaws.com", "anonymous"})),
		Action:    draw(t, []string{"sts:AssumeRole", "sts:TagSession", "ecs:RunTask", "Sts:ASSUMEROLE"}),
		Resource:  draw(t, []string{"arn:aws:iam::123456789012:role/ann", "arn:aws:iam::222222222222:role/x", "*", "arn:aws:ecs:us-east-1:123456789012:task/web/1"}),
		Context:   ctx, ResourceAccount: draw(t, []string{"", us, them}),
	}
}

// check runs a property over policies and requests that are drawn.
func check(t *testing.T, property func(t *rapid.T, r *Request, s sources)) {
	rapid.Check(t, func(t *rapid.T) { property(t, drawRequest(t), drawSources(t)) })
}

// narrows fails if a request that was not allowed is allowed after a change.
func narrows(t *rapid.T, r *Request, before, after *Policies) {
	was, is := Evaluate(r, before), Evaluate(r, after)
	if was.Outcome != Allowed && is.Outcome == Allowed {
		t.Fatalf("it was %v by the %v, and is allowed by the %v", was.Outcome, was.By, is.By)
	}
}

func TestDenyAlwaysWins(t *testing.T) {
	deny := map[string]any{"Effect": "Deny", "Action": "*", "Resource": "*"}
	check(t, func(t *rapid.T, r *Request, s sources) {
		policies := map[string]*[]source{"identity": &s.identity, "boundary": &s.boundary, "session": &s.session, "control": &s.control}
		names := []string{"resource"}
		switch r.Principal.Type {
		case Root:
			names = append(names, "control")
		case User, AssumedRole, FederatedUser:
			names = append(names, "identity", "boundary", "session", "control")
		}
		if name := draw(t, names); name == "resource" {
			one := source{kind: Resource, statements: []map[string]any{{"Effect": "Deny", "Principal": "*", "Action": "*"}}}
			s.resource = &one
		} else {
			*policies[name] = append(*policies[name], source{statements: []map[string]any{deny}})
		}
		if d := Evaluate(r, s.policies(t)); d.Outcome != ExplicitlyDenied {
			t.Fatalf("it is %v by the %v", d.Outcome, d.By)
		}
	})
}

func TestRemovingAnAllowNeverWidens(t *testing.T) {
	check(t, func(t *rapid.T, r *Request, s sources) {
		before := s.policies(t)
		all := s.all()
		if len(all) == 0 {
			return
		}
		one := draw(t, all)
		i := rapid.IntRange(0, len(one.statements)-1).Draw(t, "statement")
		if one.statements[i]["Effect"] != "Allow" {
			return
		}
		one.statements = slices.Delete(one.statements, i, i+1)
		narrows(t, r, before, s.policies(t))
	})
}

func TestAddingADenyNeverWidens(t *testing.T) {
	check(t, func(t *rapid.T, r *Request, s sources) {
		before := s.policies(t)
		all := s.all()
		if len(all) == 0 {
			return
		}
		one := draw(t, all)
		st := drawStatement(t, one.kind)
		st["Effect"] = "Deny"
		one.statements = append(one.statements, st)
		narrows(t, r, before, s.policies(t))
	})
}

func TestAddingALimitNeverWidens(t *testing.T) {
	check(t, func(t *rapid.T, r *Request, s sources) {
		if r.Principal.Type == FederatedUser {
			return // lives on its session policies
		}
		s.boundary, s.session, s.control = nil, nil, nil
		before := s.policies(t)
		limit := []source{drawSource(t, Identity)}
		switch rapid.IntRange(0, 2).Draw(t, "limit") {
		case 0:
			s.boundary = limit
		case 1:
			s.session = limit
		default:
			s.control = limit
		}
		narrows(t, r, before, s.policies(t))
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	check(t, func(t *rapid.T, r *Request, s sources) {
		before := Evaluate(r, s.policies(t))
		slices.Reverse(s.identity)
		slices.Reverse(s.session)
		for _, one := range s.all() {
			slices.Reverse(one.statements)
		}
		if after := Evaluate(r, s.policies(t)); after.Outcome != before.Outcome || after.By != before.By {
			t.Fatalf("%v by the %v, the other way round %v by the %v", before.Outcome, before.By, after.Outcome, after.By)
		}
	})
}

func TestSimulationDecidesAlike(t *testing.T) {
	check(t, func(t *rapid.T, r *Request, s sources) {
		p := s.policies(t)
		d, sim := Evaluate(r, p), Simulate(r, p)
		if !reflect.DeepEqual(d, sim.Decision) {
			t.Fatalf("evaluated as %+v, simulated as %+v", d, sim.Decision)
		}
		for _, m := range sim.Matched {
			if m.Deny != (d.Outcome == ExplicitlyDenied) || m.Policy.Document.statements[m.Statement].deny != m.Deny {
				t.Fatalf("%v, matched %+v", d.Outcome, m)
			}
		}
		if d.Outcome == ExplicitlyDenied && len(sim.Matched) == 0 {
			t.Fatal("denied by no statement")
		}
	})
}

// However a policy is written down, it is the same.
func TestFormDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := draw(t, []Kind{Identity, Resource, Trust})
		text := drawSource(t, kind).text(t)
		first, err := Parse(text, kind)
		if err != nil {
			t.Fatal(err)
		}
		var wide bytes.Buffer
		if err := json.Indent(&wide, []byte(text), " ", "\t"); err != nil {
			t.Fatal(err)
		}
		second, err := Parse(wide.String(), kind)
		if err != nil {
			t.Fatal(err)
		}
		for i := range second.statements {
			second.statements[i].start, second.statements[i].end = first.statements[i].start, first.statements[i].end
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("%s\nand\n%s", text, wide.String())
		}
		if again, err := RewritePrincipals(text, kind, func(name string) string { return name }); again != text || err != nil {
			t.Fatalf("%s became %s, %v", text, again, err)
		}
	})
}
