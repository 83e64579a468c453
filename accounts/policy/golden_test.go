package policy

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what came out into the golden files")

// TestGolden runs the tables in testdata. A table is a block of lines up to an empty one:
//
//	policy NAME KIND           a document for the tables that follow, and what reading it says
//	parse KIND                 texts, one in a line, and what reading them says
//	requests LAYER=NAME,...    action, resource and context keys; what becomes of them
//	condition JSON             values of a request; whether the Condition element holds
//	action/resource PATTERN    texts; whether the pattern matches them
//	simulate LAYER=NAME,...    as requests, with all that Simulate tells
//	keys NAME                  the context keys of a document
//
// Lines that begin with # are comments. Run with -update to write the results anew.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runGolden(t, file) })
	}
}

func runGolden(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{t: t, file: file, policies: map[string]*Document{}}
	for block := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n\n") {
		g.block(block)
		g.line += strings.Count(block, "\n") + 2
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(g.out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type golden struct {
	t        *testing.T
	file     string
	line     int // of the block, from 0
	policies map[string]*Document
	out      []string
}

// block runs one table and compares it with what came out.
func (g *golden) block(block string) {
	lines := strings.Split(block, "\n")
	head := 0
	for head < len(lines) && (strings.HasPrefix(lines[head], "#") || lines[head] == "") {
		head++
	}
	if head < len(lines) {
		verb, args, _ := strings.Cut(lines[head], " ")
		g.table(verb, args, lines[head+1:], head+1)
	}
	g.out = append(g.out, strings.Join(lines, "\n"))
}

// table fills in the results of a table's lines, and compares them.
func (g *golden) table(verb, args string, lines []string, first int) {
	if verb == "policy" {
		g.policy(args, lines, first)
		return
	}
	for i, line := range lines {
		input, want, found := strings.Cut(line, " => ")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !found && !*update {
			g.t.Errorf("%s:%d: the line has no result", g.file, g.line+first+i+1)
		}
		got := g.run(verb, args, strings.TrimSpace(input))
		g.compare(first+i, want, got)
		lines[i] = input + " => " + got
	}
}

func (g *golden) compare(line int, want, got string) {
	if got != want && !*update {
		g.t.Errorf("%s:%d: %s\n\twant %s", g.file, g.line+line+1, got, want)
	}
}

func (g *golden) policy(args string, lines []string, first int) {
	name, kind, _ := strings.Cut(args, " ")
	last := len(lines) - 1
	d, err := Parse(strings.Join(lines[:last], "\n"), kindOf(g.t, kind))
	g.policies[name] = d
	got := "=> ok"
	if err != nil {
		got = "=> " + err.Error()
	}
	g.compare(first+last, lines[last], got)
	lines[last] = got
}

func kindOf(t testing.TB, name string) Kind {
	switch name {
	case "identity":
		return Identity
	case "resource":
		return Resource
	case "trust":
		return Trust
	}
	t.Fatalf("%q is no kind of document", name)
	return 0
}

func (g *golden) run(verb, args, input string) string {
	switch verb {
	case "parse":
		if _, err := Parse(input, kindOf(g.t, args)); err != nil {
			return err.Error()
		}
		return "ok"
	case "condition":
		return g.condition(args, input)
	case "action":
		return g.matches(`"Action": "`+args+`", "Resource": "*"`, input, "*")
	case "resource":
		return g.matches(`"Action": "*", "Resource": "`+args+`"`, "a:b", input)
	case "keys":
		return strings.Join(g.policies[input].ContextKeys(), " ")
	case "requests", "simulate":
		r, p := g.request(args, input)
		if verb == "simulate" {
			return simulated(Simulate(r, p))
		}
		return decided(Evaluate(r, p), r.Action)
	}
	g.t.Fatalf("%s:%d: %q is no verb", g.file, g.line+1, verb)
	return ""
}

func decided(d Decision, action string) string {
	if d.Outcome == Allowed {
		return "allowed by " + d.By.String()
	}
	return d.Outcome.String() + " " + d.Because(action)
}

func simulated(s Simulation) string {
	out := []string{s.Outcome.String()}
	for _, m := range s.Matched {
		out = append(out, fmt.Sprintf("%s[%d]%s %d:%d-%d:%d", m.Policy.Name, m.Statement, m.Sid, m.Start.Line, m.Start.Column, m.End.Line, m.End.Column))
	}
	for _, layer := range examined {
		if outcome, ok := s.Layers[layer]; ok {
			out = append(out, layer.String()+" "+outcome.String())
		}
	}
	if s.CrossAccount {
		out = append(out, "across accounts")
	}
	if len(s.Missing) > 0 {
		out = append(out, "missing "+strings.Join(s.Missing, " "))
	}
	return strings.Join(out, "; ")
}

func (g *golden) matches(elements, action, resource string) string {
	d := g.parse(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", ` + elements + `}}`)
	r := &Request{Principal: caller(g.t, "user:ann"), Action: action, Resource: resource}
	return fmt.Sprint(Evaluate(r, &Policies{Identity: []Attached{{Document: d}}}).Outcome == Allowed)
}

func (g *golden) parse(text string) *Document {
	d, err := Parse(text, Identity)
	if err != nil {
		g.t.Fatalf("%s:%d: %s: %v", g.file, g.line+1, text, err)
	}
	return d
}

// condition tells whether a Condition element holds, in an Allow and, if it differs, in a Deny.
func (g *golden) condition(element, input string) string {
	ctx := contextOf(input)
	r := &Request{Principal: caller(g.t, "user:ann"), Action: "a:b", Resource: "*", Context: ctx}
	holds := func(effect string, outcome Outcome) bool {
		d := g.parse(`{"Version": "2012-10-17", "Statement": {"Effect": "` + effect + `", "Action": "*", "Resource": "*", "Condition": ` + element + `}}`)
		return Evaluate(r, &Policies{Identity: []Attached{{Document: d}}}).Outcome == outcome
	}
	allow, deny := holds("Allow", Allowed), holds("Deny", ExplicitlyDenied)
	if allow != deny {
		return fmt.Sprintf("%v to allow, %v to deny", allow, deny)
	}
	return fmt.Sprint(allow)
}

// request reads "LAYER=NAME,... who=..." and "ACTION RESOURCE | KEY=VALUE; ...".
func (g *golden) request(args, input string) (*Request, *Policies) {
	call, keys, _ := strings.Cut(input, "|")
	fields := strings.Fields(call)
	if len(fields) != 2 {
		g.t.Fatalf("%s:%d: %q is no action and resource", g.file, g.line+1, call)
	}
	r := &Request{Principal: caller(g.t, "user:ann"), Action: fields[0], Resource: fields[1], Context: contextOf(keys)}
	p := &Policies{}
	for _, arg := range strings.Fields(args) {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "who":
			r.Principal = caller(g.t, value)
		case "owner":
			r.ResourceAccount = value
		case "identity":
			p.Identity = g.attached(value)
		case "boundary":
			p.Boundary = &g.attached(value)[0]
		case "session":
			p.Session, p.HasSession = g.attached(value), true
		case "resource", "trust":
			p.Resource = &g.attached(value)[0]
		case "control":
			for level := range strings.SplitSeq(value, "/") {
				p.Control = append(p.Control, g.attached(level))
			}
		default:
			g.t.Fatalf("%s:%d: %q is no layer", g.file, g.line+1, name)
		}
	}
	return r, p
}

func (g *golden) attached(names string) (list []Attached) {
	if names == "none" {
		return nil
	}
	for name := range strings.SplitSeq(names, ",") {
		d := g.policies[name]
		if d == nil {
			g.t.Fatalf("%s:%d: there is no policy %q", g.file, g.line+1, name)
		}
		list = append(list, Attached{Document: d, Name: name})
	}
	return list
}

const us, them = "123456789012", "222222222222"

// fataler is what tests and properties have in common.
type fataler interface{ Fatalf(string, ...any) }

// caller reads TYPE:NAME@ACCOUNT, of which the account is ours if it is left out.
func caller(t fataler, text string) *Principal {
	text, account, _ := strings.Cut(text, "@")
	if account == "" {
		account = us
	}
	kind, name, _ := strings.Cut(text, ":")
	p := &Principal{Account: account}
	switch kind {
	case "root":
		p.Type, p.ARN, p.UserID = Root, "arn:aws:iam::"+account+":root", account
	case "user":
		p.Type, p.ARN, p.UserID = User, "arn:aws:iam::"+account+":user/"+name, "AIDAEXAMPLE"+strings.ToUpper(name)+"00000000"
	case "role": // PATH/ROLE/SESSION
		i := strings.LastIndexByte(name, '/')
		role, session := name[:i], name[i+1:]
		p.IssuerARN = "arn:aws:iam::" + account + ":role/" + role
		role = role[strings.LastIndexByte(role, '/')+1:]
		p.IssuerID = "AROAEXAMPLE" + strings.ToUpper(role) + "00000000"
		p.Type, p.ARN, p.UserID = AssumedRole, "arn:aws:sts::"+account+":assumed-role/"+role+"/"+session, p.IssuerID+":"+session
	case "federated":
		p.Type, p.ARN, p.UserID = FederatedUser, "arn:aws:sts::"+account+":federated-user/"+name, account+":"+name
		p.IssuerARN, p.IssuerID = "arn:aws:iam::"+account+":user/broker", "AIDAEXAMPLEBROKER00000000"
	case "service":
		p.Type, p.Account, p.Service = Service, "", name
	case "anonymous":
		p.Type, p.Account = Anonymous, ""
	default:
		t.Fatalf("%q is no type of caller", kind)
	}
	return p
}

// keys is a Context of fixed values.
type keys map[string][]string

func (k keys) Values(key string) ([]string, bool) {
	values, present := k[key]
	return values, present
}

// contextOf reads "KEY=VALUE; KEY=VALUE": a key that is there twice has two values, and one
// without an equals sign none.
func contextOf(text string) Context {
	k := keys{}
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		if part == "" || part == "-" {
			continue
		}
		name, value, has := strings.Cut(part, "=")
		name = strings.ToLower(name)
		if strings.HasPrefix(value, `"`) {
			if err := json.Unmarshal([]byte(value), &value); err != nil {
				panic(err)
			}
		}
		k[name] = append(k[name], nil...)
		if has {
			k[name] = append(k[name], value)
		}
	}
	return k
}
