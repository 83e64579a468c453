package policy

import (
	"fmt"
	"strings"
	"testing"
)

// statements makes a policy of n statements about as many services, the last of which is of ECS.
func statements(n int) string {
	services := []string{"ecr", "events", "ssm", "logs", "lambda", "ec2", "sns", "sqs", "kms"}
	var all []string
	for i := range n - 1 {
		s := services[i%len(services)]
		all = append(all, fmt.Sprintf(`{"Sid": "S%d", "Effect": "Allow", "Action": ["%s:Get*", "%s:List*"], "Resource": "arn:aws:%s:us-east-1:123456789012:thing/%d/*"}`, i, s, s, s, i))
	}
	all = append(all, `{"Effect": "Allow", "Action": ["ecs:RunTask", "ecs:Describe*"], "Resource": "arn:aws:ecs:*:123456789012:task-definition/web:*"}`)
	return `{"Version": "2012-10-17", "Statement": [` + strings.Join(all, ",\n") + `]}`
}

// sameService makes a policy whose n statements are all of ECS, the last of which applies.
func sameService(n int) string {
	var all []string
	for i := range n - 1 {
		all = append(all, fmt.Sprintf(`{"Effect": "Allow", "Action": "ecs:*", "Resource": "arn:aws:ecs:*:123456789012:task-definition/app%d:*"}`, i))
	}
	all = append(all, `{"Effect": "Allow", "Action": "ecs:RunTask", "Resource": "arn:aws:ecs:*:123456789012:task-definition/web:*"}`)
	return `{"Version": "2012-10-17", "Statement": [` + strings.Join(all, ",\n") + `]}`
}

func runTask(ctx Context) *Request {
	return &Request{
		Principal: &Principal{Type: User, Account: us, ARN: "arn:aws:iam::123456789012:user/ann", UserID: "AIDAEXAMPLEANN00000000"},
		Action:    "ecs:RunTask", Resource: "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7", ResourceAccount: us, Context: ctx,
	}
}

func attach(t testing.TB, texts ...string) (list []Attached) {
	for _, text := range texts {
		d, err := Parse(text, Identity)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Attached{Document: d})
	}
	return list
}

const conditional = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecs:*", "Resource": "*", "Condition": {
	"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "10.0.0.0/8"]}, "StringEquals": {"aws:PrincipalTag/team": ["red", "blue"]},
	"ForAllValues:StringLike": {"aws:TagKeys": ["cost*", "env"]}}}}`

const ownApp = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecs:*", "Resource": "arn:aws:ecs:*:*:task-definition/${aws:PrincipalTag/app}:*"}}`

var benchContext = keys{"aws:sourceip": {"10.1.2.3"}, "aws:principaltag/team": {"blue"}, "aws:principaltag/app": {"web"}, "aws:tagkeys": {"cost-center", "env"}}

func BenchmarkEvaluate(b *testing.B) {
	all := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	for _, bench := range []struct {
		name     string
		policies Policies
	}{
		{"statements=1", Policies{Identity: attach(b, statements(1))}},
		{"statements=10", Policies{Identity: attach(b, statements(10))}},
		{"statements=100", Policies{Identity: attach(b, statements(100))}},
		{"statements=100,same-service", Policies{Identity: attach(b, sameService(100))}},
		{"boundary-and-session", Policies{Identity: attach(b, statements(10)), Boundary: &attach(b, all)[0], Session: attach(b, all), HasSession: true}},
		{"conditions=3", Policies{Identity: attach(b, conditional)}},
		{"variable", Policies{Identity: attach(b, ownApp)}},
		{"denied", Policies{}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := runTask(benchContext)
			want := Allowed
			if bench.name == "denied" {
				want = ImplicitlyDenied
			}
			b.ReportAllocs()
			for b.Loop() {
				if d := Evaluate(r, &bench.policies); d.Outcome != want {
					b.Fatal(d)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		text := statements(n)
		b.Run(fmt.Sprintf("statements=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(text, Identity); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
