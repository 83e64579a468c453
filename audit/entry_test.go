package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"slipway/store/storetest"
)

func TestNamesOfPrincipals(t *testing.T) {
	for _, c := range []struct {
		who  Principal
		want string
	}{
		{Principal{Type: PrincipalRoot, ARN: "arn:aws:iam::123456789012:root"}, "root"},
		{Principal{Type: PrincipalUser, ARN: "arn:aws:iam::123456789012:user/ops/ann"}, "ann"},
		{Principal{Type: PrincipalRole, ARN: "arn:aws:sts::123456789012:assumed-role/deploy/ci"}, "ci"},
		{Principal{Type: PrincipalService, UserID: "ecs.amazonaws.com"}, ""},
		{Principal{Type: PrincipalAccount, UserID: "AIDAANN"}, ""},
		{Principal{Type: PrincipalUnknown}, ""},
	} {
		if got := c.who.Name(); got != c.want {
			t.Errorf("%+v is called %q, want %q", c.who, got, c.want)
		}
	}
}

func TestOperationsThatOnlyRead(t *testing.T) {
	for name, want := range map[string]bool{
		"GetRole": true, "ListTasks": true, "DescribeTasks": true, "LookupEvents": true, "BatchGetImage": true, "HeadObject": true,
		"BatchCheckLayerAvailability": true, "SimulatePrincipalPolicy": true, "FilterLogEvents": true, "AssumeRole": true, "Query": true,
		"RunTask": false, "PutImage": false, "BatchDeleteImage": false, "CreateUser": false, "TagResource": false, "StartLiveTailing": false,
		"Getaway": false, "Listen": false, "UploadLayerPart": false, "": false, "get": false,
	} {
		if got := ReadOnly(name); got != want {
			t.Errorf("%q reads only: %v", name, got)
		}
	}
}

func TestTypesAndNamesOfResources(t *testing.T) {
	for _, c := range []struct{ arn, kind, name string }{
		{"arn:aws:ecs:us-east-1:1:cluster/web", "AWS::ECS::Cluster", "web"},
		{"arn:aws:ecs:us-east-1:1:task-definition/web:7", "AWS::ECS::TaskDefinition", "web:7"},
		{"arn:aws:ecs:us-east-1:1:task/web/0123", "AWS::ECS::Task", "web/0123"},
		{"arn:aws:ecr:us-east-1:1:repository/team/app", "AWS::ECR::Repository", "team/app"},
		{"arn:aws:logs:us-east-1:1:log-group:/app:*", "AWS::Logs::LogGroup", "/app"},
		{"arn:aws:logs:us-east-1:1:log-group:/app:log-stream:web/1", "AWS::Logs::LogStream", "/app:log-stream:web/1"},
		{"arn:aws:iam::1:user/ops/ann", "AWS::IAM::User", "ops/ann"},
		{"arn:aws:iam::1:root", "", "root"},
		{"arn:aws:iam::1:oidc-provider/example.com", "AWS::IAM::OIDCProvider", "example.com"},
		{"arn:aws:sts::1:assumed-role/deploy/ci", "AWS::STS::AssumedRole", "deploy/ci"},
		{"arn:aws:lambda:us-east-1:1:function:hello", "AWS::Lambda::Function", "hello"},
		{"arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf", "AWS::SecretsManager::Secret", "db-AbCdEf"},
		{"arn:aws:organizations::1:account/o-1/2", "AWS::Organizations::Account", "o-1/2"},
		{"arn:aws:codepipeline:us-east-1:1:release", "AWS::CodePipeline::Pipeline", "release"},
		{"arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/web/5", "AWS::ElasticLoadBalancingV2::LoadBalancer", "app/web/5"},
		{"web", "", "web"},
		{"arn:aws:ecs", "", "arn:aws:ecs"},
	} {
		if got := typeOf(c.arn); got != c.kind {
			t.Errorf("%s is of type %q, want %q", c.arn, got, c.kind)
		}
		if got := nameOf(c.arn); got != c.name {
			t.Errorf("%s is called %q, want %q", c.arn, got, c.name)
		}
	}
}

// A message of each kind that could repeat what only the caller should know.
func TestSecretsAreTakenOutOfMessages(t *testing.T) {
	const secret, token = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQ1"
	for _, message := range []string{
		"The Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:" + token + "\n'",
		"Header x-amz-security-token:" + token + " is not signed",
		"GET /?X-Amz-Signature=" + secret + "&X-Amz-Security-Token=" + token + " is not known",
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIA/us, Signature=" + secret,
		"authorization=Bearer " + token,
		`{"password": "` + secret + `"}`,
		"password=" + secret + " is too weak",
		"Invalid token '" + token + "'",
		"Secret access key: " + secret,
		"Value '" + secret + "' at 'x' failed to satisfy constraint",
		"The value " + token + " is not one",
		strings.Repeat("long ", 1000) + secret,
	} {
		got := withoutSecrets(message)
		if strings.Contains(got, secret[:20]) || strings.Contains(got, token[:20]) {
			t.Errorf("%q still says %q", message, got)
		}
	}
}

func TestOrdinaryMessagesStayAsTheyAre(t *testing.T) {
	for _, message := range []string{
		"",
		"User: arn:aws:iam::123456789012:user/ann is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db because no identity-based policy allows the secretsmanager:GetSecretValue action",
		"The security token included in the request is invalid.",
		"Signature expired: 20261121T100000Z is now earlier than 20261121T101000Z",
		"The referenced cluster was inactive. arn:aws:ecs:us-east-1:123456789012:task/Production1/0123456789abcdef0123456789abcdef",
		"The image with imageId {imageDigest:'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', imageTag:'null'} does not exist",
		"1 validation error detected: Value '51' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 50",
		"Bezeichner ungültig: Straße",
	} {
		if got := withoutSecrets(message); got != message {
			t.Errorf("%q became %q", message, got)
		}
	}
}

func TestWhatIsSentInPlaceOfAKeyIDIsNotKept(t *testing.T) {
	for id, kept := range map[string]bool{
		"AKIAAAAAAAAAAAAAAAAA": true, "ASIA0123456789ABCDEF": true,
		"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": false, "AKIA": false, "AKIAaaaaaaaaaaaaaaaa": false, "": false,
	} {
		e := runTask("r")
		e.Principal.AccessKeyID = id
		must(t, e.settle())
		if (e.Principal.AccessKeyID == id) != kept && id != "" || !kept && e.Principal.AccessKeyID != "" {
			t.Errorf("%q is kept as %q", id, e.Principal.AccessKeyID)
		}
	}
}

// Whatever a stranger sends, an entry is bounded, printable, and comes out as it was kept.
func TestEntriesAreBoundedAndPrintable(t *testing.T) {
	wild := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.Rune(), 0, 3000, -1), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{Account: us, Owner: rapid.SampledFrom([]string{"", us, them}).Draw(t, "owner")}
		for i, text := range e.texts() {
			if i >= 3 {
				*text.at = wild.Draw(t, "text")
			}
		}
		e.Principal.SessionStart = time.Unix(rapid.Int64Range(-1e10, 1e10).Draw(t, "start"), 0)
		e.ReadOnly = rapid.Bool().Draw(t, "read-only")
		for range rapid.IntRange(0, 3).Draw(t, "resources") {
			e.Resources = append(e.Resources, Resource{wild.Draw(t, "arn"), wild.Draw(t, "type")})
		}
		must(t, e.settle())
		for _, text := range e.texts() {
			if s := *text.at; len(s) > text.max || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Fatalf("kept %q", s)
			}
		}
		b := appendRecord(nil, &e)
		if len(b) > maxRecord {
			t.Fatalf("a record of %d bytes", len(b))
		}
		r, err := readRecord(string(b))
		must(t, err)
		again := appendRecord(nil, &r.entry)
		if e.Owner == "" && string(again) != string(b) {
			t.Fatalf("came out as %+v, was %+v", r.entry, e)
		}
	})
}

func TestMessageOfManyLinesIsOne(t *testing.T) {
	e := runTask("r")
	e.ErrorMessage = "The signature is wrong.\n\nThe Canonical String for this request should have been\n'POST"
	e.UserAgent = "a\tb\r\nc\x00\x1b[31md\u202e\xff"
	must(t, e.settle())
	if e.ErrorMessage != "The signature is wrong." || e.UserAgent != "a b  c\ufffd\ufffd[31md\ufffd\ufffd" {
		t.Errorf("kept %q, %q", e.ErrorMessage, e.UserAgent)
	}
}

func TestManyResourcesAreCut(t *testing.T) {
	e := runTask("r")
	e.Resources = nil
	for i := range 5000 {
		e.Resources = append(e.Resources, Resource{ARN: fmt.Sprint("arn:aws:ecs:us-east-1:1:task/", i, strings.Repeat("x", 3000))}, Resource{ARN: "*"})
	}
	given := e.Resources
	must(t, e.settle())
	if len(e.Resources) != maxResources || len(given) != 10_000 || given[0].Type != "" {
		t.Errorf("%d of %d resources", len(e.Resources), len(given))
	}
	if b := appendRecord(nil, &e); len(b) > maxRecord {
		t.Errorf("a record of %d bytes", len(b))
	}
}

func TestIDsAreInTheOrderOfTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Int64Range(0, 1<<47).Draw(t, "at")
		n, later := newID(at), newID(at+1)
		if n.micros() != at || later.micros() != at+1 {
			t.Fatalf("%s is of %d, want %d", n, n.micros(), at)
		}
		if n.String() >= later.String() || firstID(at).String() > n.String() || n.sibling(them).String() >= later.String() {
			t.Fatalf("%s does not come before %s", n, later)
		}
		back, ok := parseID(n.String())
		if !ok || back != n {
			t.Fatalf("%s is read as %s", n, back)
		}
		if s := n.String(); s[14] != '7' || !strings.ContainsRune("89ab", rune(s[19])) {
			t.Fatalf("%s is no UUID of version 7", s)
		}
	})
	for _, bad := range []string{"", "01234567-0123-7123-8123-0123456789AB", "0123456701237123812301234567890000000", "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"} {
		if n, ok := parseID(bad); ok {
			t.Errorf("%q is read as %s", bad, n)
		}
	}
}

func TestStrangersCannotFillTheDisk(t *testing.T) {
	c := open(t, storetest.SQLite(t), t.TempDir())
	stranger := runTask("stranger")
	stranger.Principal = Principal{Type: PrincipalUnknown, AccessKeyID: "AKIAAAAAAAAAAAAAAAAA"}
	for i := range 3000 {
		id, err := c.Record(stranger)
		if must(t, err); id == "" && i < strangersBurst {
			t.Fatalf("call %d was left out", i)
		}
	}
	note(t, c, runTask("ann")) // whoever is known is recorded whatever strangers do
	c.strangers.at = c.strangers.at.Add(-time.Second)
	must(t, c.tellOmitted())
	must(t, c.tellOmitted())

	told := int64(0)
	found := lookup(t, c, us, Query{})
	for _, e := range found {
		if e.Principal.Type == PrincipalUnknown {
			told += 1 + e.Omitted
		}
	}
	if told != 3000 || len(found) > strangersBurst+300 {
		t.Errorf("%d calls are told in %d records", told, len(found))
	}
	if found[0].Omitted == 0 || found[0].RequestID != "stranger" {
		t.Errorf("the last is %+v", found[0])
	}
}
