package accounts

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"slipway/accounts/policy"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	mateo   = "arn:aws:iam::" + us + ":user/mateo"
	onlyIAM = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*"],"Resource":["*"]}}`
	iamOrS3 = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*","s3:*"],"Resource":["*"]}}`
	letsS3  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + mateo + `"},"Action":["s3:List*","s3:Put*"],"Resource":["arn:aws:s3:::production/*"]}}`
	object  = "arn:aws:s3:::production/Test"
)

// told writes down a simulation as its answer would: every result with what decided it.
func told(list []Simulated) string {
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "%s %s %s", s.Action, s.Resource, s.Outcome)
		for _, m := range s.Matched {
			fmt.Fprintf(&b, " [%s %d:%d-%d:%d]", m.Policy.Name, m.Start.Line, m.Start.Column, m.End.Line, m.End.Column)
		}
		if len(s.Missing) > 0 {
			fmt.Fprintf(&b, " lacks %s", strings.Join(s.Missing, ","))
		}
		if outcome, bounded := s.Layers[policy.BoundaryLayer]; bounded {
			fmt.Fprintf(&b, " boundary %s", outcome)
		}
		if s.CrossAccount {
			fmt.Fprintf(&b, " across: identity %s, resource %s", s.Layers[policy.IdentityLayer], s.Layers[policy.ResourceLayer])
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// The examples of the API reference, as far as their documents are written out there.
func TestSimulationsOfTheAPIReference(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	bucket := "{\n  \"Version\":\"2012-10-17\",\n  \"Statement\":{\n    \"Effect\":\"Allow\",\n    \"Action\":\"s3:PutObject\",\n    \"Resource\":\"arn:aws:s3:::my-test-bucket\"\n  }\n}"
	_, err := c.CreateUser(ctx, us, NewUser{Name: "Jill", Path: "/"})
	want(t, "Jill", err, nil, "")
	want(t, "attach", c.AttachPolicy(ctx, us, KindUser, "Jill", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"), nil, "")
	for _, try := range []struct {
		what string
		in   SimulationInput
		want string
	}{
		{"Simulating a Policy", SimulationInput{
			Source: "arn:aws:iam::" + us + ":user/Jill", Policies: []string{bucket},
			Actions: []string{"s3:PutObject", "s3:GetObject", "s3:DeleteObject"}, Resources: []string{"arn:aws:s3:::my-test-bucket"},
		}, `s3:PutObject arn:aws:s3:::my-test-bucket allowed [PolicyInputList.1 3:16-7:4]
s3:GetObject arn:aws:s3:::my-test-bucket allowed [AmazonS3ReadOnlyAccess 3:17-14:6]
s3:DeleteObject arn:aws:s3:::my-test-bucket implicitDeny`},
		{"Same-Account Simulation", SimulationInput{
			Policies: []string{onlyIAM}, Boundaries: []string{onlyIAM}, Actions: []string{"s3:PutObject"}, Resources: []string{object},
			Caller: mateo, ResourceOwner: "arn:aws:iam::" + us + ":root", ResourcePolicy: letsS3,
		}, "s3:PutObject arn:aws:s3:::production/Test allowed [ResourcePolicy 1:38-1:187] boundary implicitDeny"},
		{"Cross-Account Simulation", SimulationInput{
			Policies: []string{onlyIAM}, Boundaries: []string{onlyIAM}, Actions: []string{"s3:PutObject"}, Resources: []string{object},
			Caller: mateo, ResourceOwner: "arn:aws:iam::999999999999:root", ResourcePolicy: letsS3,
		}, "s3:PutObject arn:aws:s3:::production/Test implicitDeny boundary implicitDeny across: identity implicitDeny, resource allowed"},
		{"across accounts both have to allow", SimulationInput{
			Policies: []string{iamOrS3}, Actions: []string{"s3:PutObject", "s3:GetObject"}, Resources: []string{object},
			Caller: mateo, ResourceOwner: "arn:aws:iam::999999999999:root", ResourcePolicy: letsS3,
		}, `s3:PutObject arn:aws:s3:::production/Test allowed [ResourcePolicy 1:38-1:187] [PolicyInputList.1 1:38-1:98] across: identity allowed, resource allowed
s3:GetObject arn:aws:s3:::production/Test implicitDeny across: identity allowed, resource implicitDeny`},
	} {
		list, next, err := c.Simulate(ctx, us, try.in, Page{})
		if got := told(list); got != try.want || next != "" || err != nil {
			t.Errorf("%s: %v\n%s\nwant\n%s", try.what, err, got, try.want)
		}
	}
}

func TestSimulationTellsWhichPolicyDecided(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		arn := makePolicy(t, c, "logs", allowLogs)
		want(t, "inline", c.PutInline(ctx, us, KindUser, "ann", InlinePolicy{"own", allowLogs}), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindGroup, "devs", arn), nil, "")
		want(t, "inline", c.PutInline(ctx, us, KindRole, "deploy", InlinePolicy{"no", denyLogs}), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindRole, "deploy", adminARN), nil, "")
		want(t, "bound", c.SetBoundary(ctx, us, KindRole, "deploy", arn), nil, "")
		for _, try := range []struct{ source, action, want string }{
			{"user/ann", "logs:PutLogEvents", "logs:PutLogEvents * allowed [user_ann_own 1:38-1:89] [logs 1:38-1:89]"},
			{"group/devs", "logs:PutLogEvents", "logs:PutLogEvents * allowed [logs 1:38-1:89]"},
			{"user/ann", "ecs:RunTask", "ecs:RunTask * implicitDeny"},
			{"role/deploy", "logs:PutLogEvents", "logs:PutLogEvents * explicitDeny [role_deploy_no 1:38-1:88] boundary allowed"},
			{"role/deploy", "ecs:RunTask", "ecs:RunTask * implicitDeny boundary implicitDeny"},
		} {
			in := SimulationInput{Source: "arn:aws:iam::" + us + ":" + try.source, Actions: []string{try.action}}
			list, _, err := c.Simulate(ctx, us, in, Page{})
			if got := told(list); got != try.want || err != nil {
				t.Errorf("%s: %s, %v, want %s", try.source, got, err, try.want)
			}
		}
	})
}

func TestSimulatedConditions(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	want(t, "tag", c.Tag(ctx, us, KindUser, "ann", []Tag{{"team", "red"}}), nil, "")
	conditional := func(operator, key, value string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecs:*","Resource":"*","Condition":{"%s":{"%s":"%s"}}}}`, operator, key, value)
	}
	ann := "arn:aws:iam::" + us + ":user/ann"
	for _, try := range []struct {
		what, source, policy string
		entries              []ContextEntry
		want                 string
	}{
		{"not given", "", conditional("IpAddress", "aws:SourceIp", "10.0.0.0/8"), nil, "implicitDeny lacks aws:SourceIp"},
		{"an address", "", conditional("IpAddress", "aws:SourceIp", "10.0.0.0/8"), []ContextEntry{{"aws:SourceIp", "ip", []string{"10.1.2.3"}}}, "allowed"},
		{"another", "", conditional("IpAddress", "aws:SourceIp", "10.0.0.0/8"), []ContextEntry{{"AWS:sourceip", "", []string{"11.1.2.3"}}}, "implicitDeny"},
		{"a number", "", conditional("NumericLessThan", "ecs:x", "10"), []ContextEntry{{"ecs:x", "numeric", []string{"9.5"}}}, "allowed"},
		{"a date", "", conditional("DateLessThan", "aws:CurrentTime", "2026-01-01T00:00:00Z"), []ContextEntry{{"aws:CurrentTime", "date", []string{"2025-12-31T23:59:59Z"}}}, "allowed"},
		{"a boolean", "", conditional("Bool", "aws:SecureTransport", "true"), []ContextEntry{{"aws:SecureTransport", "boolean", []string{"true"}}}, "allowed"},
		{"bytes", "", conditional("BinaryEquals", "ecs:x", "aGk="), []ContextEntry{{"ecs:x", "binary", []string{"aGk="}}}, "allowed"},
		{"any of a list", "", conditional("ForAnyValue:StringEquals", "aws:TagKeys", "b"), []ContextEntry{{"aws:TagKeys", "stringList", []string{"a", "b"}}}, "allowed"},
		{"a list of none", "", conditional("ForAllValues:StringEquals", "aws:TagKeys", "b"), []ContextEntry{{"aws:TagKeys", "stringList", nil}}, "allowed lacks aws:TagKeys"},
		{"who calls", ann, conditional("StringEquals", "aws:username", "ann"), nil, "allowed"},
		{"a tag of who calls", ann, conditional("StringEquals", "aws:PrincipalTag/Team", "red"), nil, "allowed"},
		{"a tag that is given", ann, conditional("StringEquals", "aws:PrincipalTag/team", "blue"), []ContextEntry{{"aws:PrincipalTag/team", "string", []string{"blue"}}}, "allowed"},
		{"nobody calls", "", conditional("StringEquals", "aws:username", "ann"), nil, "implicitDeny lacks aws:username"},
		{"a role", "arn:aws:iam::" + us + ":role/deploy", conditional("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:role/deploy"), nil, "allowed"},
		{"a session", "arn:aws:iam::" + us + ":role/deploy", conditional("StringEquals", "aws:userid", "x"), nil, "implicitDeny lacks aws:userid"},
	} {
		list, _, err := c.Simulate(ctx, us, SimulationInput{Source: try.source, Policies: []string{try.policy}, Actions: []string{"ecs:RunTask"}, Context: try.entries}, Page{})
		if err != nil {
			t.Errorf("%s: %v", try.what, err)
			continue
		}
		list[0].Matched = nil
		if got := strings.TrimPrefix(told(list), "ecs:RunTask * "); got != try.want {
			t.Errorf("%s: %s, want %s", try.what, got, try.want)
		}
	}
}

func TestSimulationsThatAreRefused(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	many := make([]string, 10_000)
	for i := range many {
		many[i] = allowLogs
	}
	ok := SimulationInput{Policies: []string{allowLogs}, Actions: []string{"logs:PutLogEvents"}}
	for _, try := range []struct {
		what   string
		change func(*SimulationInput)
		cause  error
		text   string
	}{
		{"10,000 policies", func(in *SimulationInput) { in.Policies = many }, ErrInput, "PolicyInputList has 10000 policies; it can have up to 100."},
		{"two boundaries", func(in *SimulationInput) { in.Boundaries = many[:2] }, ErrInput, "You can specify only one permissions boundary policy."},
		{"a long policy", func(in *SimulationInput) { in.Policies = []string{documentOf(maxSimulatedSize + 1)} }, ErrInput, ""},
		{"no policy", func(in *SimulationInput) { in.Policies = []string{allowLogs, "{"} }, ErrInput, ""},
		{"a wildcard", func(in *SimulationInput) { in.Actions = []string{"logs:*"} }, ErrInput, ""},
		{"no service", func(in *SimulationInput) { in.Actions = []string{"PutLogEvents"} }, ErrInput, ""},
		{"no ARN", func(in *SimulationInput) { in.Resources = []string{"bucket"} }, ErrInput, "Invalid Resource ARN: bucket"},
		{"no such user", func(in *SimulationInput) { in.Source = "arn:aws:iam::" + us + ":user/bob" }, ErrNoEntity, "The user with name bob cannot be found."},
		{"of another path", func(in *SimulationInput) { in.Source = "arn:aws:iam::" + us + ":user/x/ann" }, ErrNoEntity, "The user with name ann cannot be found."},
		{"of another account", func(in *SimulationInput) { in.Source = "arn:aws:iam::999999999999:user/ann" }, ErrNoEntity, "The user with name ann cannot be found."},
		{"a session", func(in *SimulationInput) { in.Source = "arn:aws:sts::" + us + ":assumed-role/deploy/x" }, ErrInput, "Invalid Entity Arn: arn:aws:sts::" + us + ":assumed-role/deploy/x does not clearly define entity type and name."},
		{"a policy as source", func(in *SimulationInput) { in.Source = adminARN }, ErrInput, ""},
		{"a role calls", func(in *SimulationInput) { in.Caller = "arn:aws:iam::" + us + ":role/deploy" }, ErrInput, ""},
		{"nobody calls", func(in *SimulationInput) { in.ResourcePolicy = letsS3 }, ErrInput, "CallerArn is required with a ResourcePolicy, and has to be the ARN of an IAM user."},
		{"a resource policy of nobody", func(in *SimulationInput) { in.ResourcePolicy = allowLogs }, ErrInput, ""},
		{"an owner who is no account", func(in *SimulationInput) { in.ResourceOwner = mateo }, ErrInput, ""},
		{"no scenario", func(in *SimulationInput) { in.Scenario = "EC3" }, ErrInput, "Invalid value EC3 for ResourceHandlingOption."},
		{"a type that is none", func(in *SimulationInput) { in.Context = []ContextEntry{{"ecs:x", "word", []string{"a"}}} }, ErrInput, "Invalid ContextKeyType: word"},
		{"no number", func(in *SimulationInput) { in.Context = []ContextEntry{{"ecs:x", "numericList", []string{"1", "a"}}} }, ErrInput, `The value "a" of the context key ecs:x is not of type numeric.`},
		{"two values", func(in *SimulationInput) { in.Context = []ContextEntry{{"ecs:x", "string", []string{"1", "a"}}} }, ErrInput, "The context key ecs:x of type string must have one value."},
		{"many values", func(in *SimulationInput) { in.Context = []ContextEntry{{"ecs:x", "stringList", many}} }, ErrInput, "ContextEntries has more than 2000 values."},
		{"many keys", func(in *SimulationInput) { in.Context = make([]ContextEntry, 10_000) }, ErrInput, "ContextEntries has 10000 keys; it can have up to 200."},
	} {
		in := ok
		try.change(&in)
		_, _, err := c.Simulate(ctx, us, in, Page{})
		want(t, try.what, err, try.cause, try.text)
	}
	if _, err := c.ContextKeys(ctx, us, "", many); !errors.Is(err, ErrInput) {
		t.Errorf("keys of 10,000 policies: %v", err)
	}
}

// Results come page by page, each combination once, and a page of long policies holds fewer.
func TestSimulationsAreTurnedPageByPage(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	in := SimulationInput{Policies: []string{documentOf(maxSimulatedSize)}, Actions: []string{"logs:A", "logs:B", "logs:C"}}
	for i := range 400 {
		in.Resources = append(in.Resources, fmt.Sprintf("arn:aws:logs:us-east-1:%s:log-group:g%d", us, i))
	}
	seen := map[string]bool{}
	for marker, more := "", true; more; more = marker != "" {
		list, next, err := c.Simulate(ctx, us, in, Page{Limit: 1000, Marker: marker})
		if err != nil || len(list) == 0 || len(list) > maxSimulatedText/maxSimulatedSize {
			t.Fatalf("a page of %d, %v", len(list), err)
		}
		for _, s := range list {
			seen[s.Action+s.Resource] = true
		}
		marker = next
	}
	if len(seen) != 3*400 {
		t.Errorf("there are %d results", len(seen))
	}
	_, marker, err := c.Simulate(ctx, us, in, Page{})
	want(t, "the first page", err, nil, "")
	in.Actions = in.Actions[:2]
	_, _, err = c.Simulate(ctx, us, in, Page{Marker: marker})
	want(t, "a marker of another simulation", err, ErrToken, "")
}

func TestScenariosAskForAllResourcesTogether(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	image, instance := "arn:aws:ec2:us-east-1::image/ami-1", "arn:aws:ec2:us-east-1:"+us+":instance/*"
	allow := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"` + image + `"}}`
	list, _, err := c.Simulate(ctx, us, SimulationInput{Policies: []string{allow}, Actions: []string{"ec2:RunInstances"}, Resources: []string{image, instance}, Scenario: "EC2-VPC-EBS"}, Page{})
	if err != nil || len(list) != 1 || list[0].Outcome != policy.ImplicitlyDenied || list[0].Each[0].Outcome != policy.Allowed || list[0].Each[1].Outcome != policy.ImplicitlyDenied {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestContextKeys(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	ctx := people(t, c)
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username}/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}`
	want(t, "inline", c.PutInline(ctx, us, KindGroup, "devs", InlinePolicy{"own", document}), nil, "")
	more := strings.ReplaceAll(document, "aws:SourceIp", "AWS:SOURCEIP")
	keys, err := c.ContextKeys(ctx, us, "arn:aws:iam::"+us+":user/ann", []string{more})
	if fmt.Sprint(keys) != "[aws:username aws:SourceIp]" || err != nil {
		t.Errorf("keys of ann are %v, %v", keys, err)
	}
	keys, err = c.ContextKeys(ctx, us, "", []string{more})
	if fmt.Sprint(keys) != "[aws:username AWS:SOURCEIP]" || err != nil {
		t.Errorf("keys of the policy are %v, %v", keys, err)
	}
	_, err = c.ContextKeys(ctx, us, "arn:aws:iam::"+us+":user/bob", nil)
	want(t, "of nobody", err, ErrNoEntity, "The user with name bob cannot be found.")
}

func TestSummaryAndDetails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		ctx := people(t, c)
		arn := makePolicy(t, c, "logs", allowLogs)
		_, err := c.CreatePolicyVersion(ctx, us, arn, denyLogs, false)
		want(t, "version", err, nil, "")
		want(t, "inline", c.PutInline(ctx, us, KindUser, "ann", InlinePolicy{"own", allowLogs}), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindGroup, "devs", arn), nil, "")
		want(t, "attach", c.AttachPolicy(ctx, us, KindRole, "deploy", adminARN), nil, "")
		want(t, "tag", c.Tag(ctx, us, KindRole, "deploy", []Tag{{"team", "red"}}), nil, "")
		_, err = c.CreateProfile(ctx, us, "hosts", "/", nil)
		want(t, "profile", err, nil, "")
		want(t, "fill", c.Fill(ctx, us, "hosts", "deploy"), nil, "")

		s, err := c.Summary(ctx, us)
		if got := fmt.Sprint(s.Entities, s.Versions, s.RootKeys); got != "map[group:1 instance-profile:1 policy:1 role:1 user:1] 2 1" || err != nil {
			t.Errorf("summary is %s, %v", got, err)
		}
		const all = "devs:0/0/1/0/0/0 deploy:1/0/1/0/1/0 ann:0/1/0/1/0/0 logs:0/0/0/0/0/2 AdministratorAccess:0/0/0/0/0/1"
		if got := details(t, c, DetailQuery{}); got != all {
			t.Errorf("details are\n%s, want\n%s", got, all)
		}
		if got := details(t, c, DetailQuery{Users: true, AWS: true}); got != "ann:0/1/0/1/0/0 AdministratorAccess:0/0/0/0/0/1" {
			t.Errorf("some details are %s", got)
		}
	})
}

// details tells how much of everything hangs on each entity: tags, inline and attached policies,
// groups, profiles and versions.
func details(t *testing.T, c *Control, q DetailQuery) string {
	t.Helper()
	var all []string
	for marker, more := "", true; more; more = marker != "" {
		list, next, err := c.AccountDetails(t.Context(), us, q, Page{Limit: 2, Marker: marker})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			all = append(all, fmt.Sprintf("%s:%d/%d/%d/%d/%d/%d", d.Name, len(d.Tags), len(d.Inline), len(d.Attached), len(d.Groups), len(d.Profiles), len(d.Versions)))
		}
		marker = next
	}
	return strings.Join(all, " ")
}

// FuzzContextEntry finds no values that make a simulation fail or hang.
func FuzzContextEntry(f *testing.F) {
	c := open(f, storetest.SQLite(f))
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{
		"IpAddress":{"a:k":"10.0.0.0/8"},"NumericLessThan":{"a:k":"1"},"DateLessThan":{"a:k":"2026-01-01"},"Bool":{"a:k":"true"},
		"BinaryEquals":{"a:k":"aGk="},"StringLike":{"a:k":"*?${a:k}"},"ForAnyValue:ArnLike":{"a:k":"arn:aws:*:*:*:*"}}}}`
	f.Add("a:k", "ip", "10.0.0.1")
	f.Add("a:k", "dateList", "2026")
	f.Add("a:k", "binary", "aGk=")
	f.Fuzz(func(t *testing.T, name, kind, value string) {
		in := SimulationInput{Policies: []string{document}, Actions: []string{"s3:Get"}, Context: []ContextEntry{{name, kind, []string{value}}}}
		if _, _, err := c.Simulate(t.Context(), us, in, Page{}); err != nil && !errors.Is(err, ErrInput) {
			t.Error(err)
		}
	})
}
