package functions

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const fn = "arn:aws:lambda:us-east-1:123456789012:function:web"

// Statements as AWS writes them.
func TestStatements(t *testing.T) {
	for name, c := range map[string]struct {
		p    Permission
		want string
	}{
		"a service": {
			Permission{ID: "s3", Action: "lambda:InvokeFunction", Principal: "s3.amazonaws.com", SourceARN: "arn:aws:s3:::bucket", SourceAccount: "123456789012"},
			`{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + fn + `","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"},"StringEquals":{"AWS:SourceAccount":"123456789012"}}}`,
		},
		"an account": {
			Permission{ID: "a", Action: "lambda:*", Principal: "999999999999"},
			`{"Sid":"a","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"lambda:*","Resource":"` + fn + `"}`,
		},
		"a role": {
			Permission{ID: "r", Action: "lambda:InvokeFunction", Principal: "arn:aws:iam::999999999999:role/app/caller"},
			`{"Sid":"r","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:role/app/caller"},"Action":"lambda:InvokeFunction","Resource":"` + fn + `"}`,
		},
		"everybody at a URL": {
			Permission{ID: "u", Action: "lambda:InvokeFunctionUrl", Principal: "*", URLAuth: "NONE"},
			`{"Sid":"u","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"` + fn + `","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`,
		},
		"calls at a URL": {
			Permission{ID: "v", Action: "lambda:InvokeFunction", Principal: "*", ViaURL: true},
			`{"Sid":"v","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + fn + `","Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`,
		},
		"an organization": {
			Permission{ID: "o", Action: "lambda:InvokeFunction", Principal: "*", Organization: "o-a1b2c3d4e5", EventSourceToken: "amzn1.ask.skill.1"},
			`{"Sid":"o","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + fn + `","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5","lambda:EventSourceToken":"amzn1.ask.skill.1"}}}`,
		},
	} {
		if got, err := c.p.statement(fn); err != nil || got != c.want {
			t.Errorf("%s:\n%s, %v\nwant\n%s", name, got, err, c.want)
		}
	}
	for _, principal := range []string{"", "me", "12345", "arn:aws:s3:::bucket", "arn:aws:iam:::user/ann", "s3.example.com", ".amazonaws.com", "**"} {
		if got, err := (Permission{ID: "x", Principal: principal}).statement(fn); !errors.Is(err, ErrInput) {
			t.Errorf("principal %q: %s, %v", principal, got, err)
		}
	}
}

// A policy is the statements that were added and not taken away, in their order.
func TestPolicyKeepsWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, have := "", []string{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			id := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id")
			at := strings.Index(strings.Join(have, ""), id)
			var err error
			var next string
			if rapid.Bool().Draw(t, "add") {
				p := Permission{ID: id, Action: "lambda:InvokeFunction", Principal: "*", SourceARN: "arn:aws:s3:::<&>"}
				one, _ := p.statement(fn)
				if next, err = p.with(policy, one); at < 0 {
					have = append(have, id)
				} else if !errors.Is(err, ErrThere) {
					t.Fatalf("added twice: %v", err)
				}
			} else if next, err = without(policy, id); at >= 0 {
				have = append(have[:at:at], have[at+1:]...)
			} else if !errors.Is(err, ErrNoSetting) {
				t.Fatalf("took away what is not there: %v", err)
			}
			if err == nil {
				policy = next
			}
			checkStatements(t, policy, have)
		}
	})
}

func checkStatements(t *rapid.T, policy string, want []string) {
	if len(want) == 0 {
		if policy != "" {
			t.Fatalf("a policy without statements is left: %s", policy)
		}
		return
	}
	d, err := readPolicy(policy)
	if err != nil || len(d.Statement) != len(want) || !strings.HasPrefix(policy, `{"Version":"2012-10-17","Id":"default","Statement":[{`) {
		t.Fatalf("%s, %v, want %v", policy, err, want)
	}
	for i, id := range want {
		if d.find(id) != i || !strings.Contains(string(d.Statement[i]), `"arn:aws:s3:::<&>"`) {
			t.Fatalf("%s, want %v", policy, want)
		}
	}
}

func TestPolicyIsNotLongerThanItMayBe(t *testing.T) {
	policy := ""
	for i := range 200 {
		p := Permission{ID: "s" + strings.Repeat("x", i), Action: "lambda:InvokeFunction", Principal: "*"}
		one, _ := p.statement(fn)
		next, err := p.with(policy, one)
		if errors.Is(err, ErrPolicyLength) {
			if want := "is bigger than the limit (20480)."; !strings.HasSuffix(err.Error(), want) || len(policy) > maxPolicy {
				t.Errorf("%v, the policy has %d bytes", err, len(policy))
			}
			return
		}
		policy = next
	}
	t.Errorf("it has %d bytes", len(policy))
}

func TestCORS(t *testing.T) {
	good := CORS{Methods: []string{"GET", "*"}, Origins: []string{"*", "https://example.com", "http://localhost:3000", "https://*.example.com"}, Headers: []string{"x-a", "*"}, Expose: []string{"date"}}
	if err := good.check(); err != nil || good.Empty() || !(CORS{}).Empty() {
		t.Error(err)
	}
	for name, bad := range map[string]CORS{
		"a method": {Methods: []string{"OPTIONS"}}, "in lower case": {Methods: []string{"get"}}, "no scheme": {Origins: []string{"example.com"}},
		"a path": {Origins: []string{"https://example.com/"}}, "a line": {Origins: []string{"https://a\r\nb"}}, "no host": {Origins: []string{"https://"}},
		"a header": {Headers: []string{"a b"}}, "exposed": {Expose: []string{"a:b"}}, "empty": {Headers: []string{""}},
	} {
		if err := bad.check(); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
