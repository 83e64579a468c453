package logs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"slipway/accounts/policy"
	"slipway/store/storetest"
)

// checkPolicy is what the server has policies read by.
func checkPolicy(text string) error {
	_, err := policy.Parse(text, policy.Resource)
	return err
}

func allow(sid, account, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":%q,"Effect":"Allow","Principal":{"AWS":%q},"Action":"logs:GetLogEvents","Resource":%q}]}`, sid, account, resource)
}

func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		first, second := allow("one", them, "*"), allow("one", "111111111111", "*")
		p, err := c.PutPolicy(t.Context(), us, "first", first)
		must(t, err)
		if p.Name != "first" || p.Document != first || p.Updated.IsZero() {
			t.Errorf("kept %+v", p)
		}
		_, err = c.PutPolicy(t.Context(), us, "second", second)
		must(t, err)
		_, err = c.PutPolicy(t.Context(), us, "first", second)
		must(t, err)

		one, token, err := c.Policies(t.Context(), us, 1, "")
		must(t, err)
		rest, end, err := c.Policies(t.Context(), us, 1, token)
		must(t, err)
		if len(one) != 1 || len(rest) != 1 || one[0].Name != "first" || one[0].Document != second || rest[0].Name != "second" || end != "" {
			t.Errorf("first page %+v, second %+v", one, rest)
		}
		if none, _, err := c.Policies(t.Context(), them, 0, ""); len(none) != 0 || err != nil {
			t.Errorf("they have %+v, %v", none, err)
		}
		_, _, err = c.Policies(t.Context(), them, 0, token)
		wantErr(t, err, ErrToken)

		must(t, c.DeletePolicy(t.Context(), us, "first"))
		wantErr(t, c.DeletePolicy(t.Context(), us, "first"), ErrNoPolicy)
		wantErr(t, c.DeletePolicy(t.Context(), them, "second"), ErrNoPolicy)
	})
}

func TestPoliciesThatAreNotTaken(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		for _, name := range []string{"", strings.Repeat("x", 256), "a\x00b"} {
			_, err := c.PutPolicy(t.Context(), us, name, allow("", them, "*"))
			wantErr(t, err, ErrPolicy)
		}
		_, err := c.PutPolicy(t.Context(), us, "p", "nonsense")
		wantErr(t, err, ErrPolicy)
		if _, ok := errors.AsType[*policy.SyntaxError](err); !ok {
			t.Errorf("%v does not say what is wrong", err)
		}
		for i := range maxPolicies {
			_, err := c.PutPolicy(t.Context(), us, fmt.Sprint("p", i), allow("", them, "*"))
			must(t, err)
		}
		_, err = c.PutPolicy(t.Context(), us, "more", allow("", them, "*"))
		wantErr(t, err, ErrTooManyPolicies)
		_, err = c.PutPolicy(t.Context(), us, "p1", allow("", us, "*"))
		must(t, err)
	})
	plain, err := New(t.Context(), storetest.SQLite(t))
	must(t, err)
	_, err = plain.PutPolicy(t.Context(), us, "p", allow("", them, "*"))
	wantErr(t, err, ErrPolicy)
}

// What decides is all policies of an account, as each is read alone.
func TestPoliciesDecideTogether(t *testing.T) {
	each(t, func(t *testing.T, c *Control) {
		allowed := func(account, resource string) bool {
			t.Helper()
			text, err := c.DecidingPolicy(t.Context(), us)
			must(t, err)
			if text == "" {
				return false
			}
			document, err := policy.Parse(text, policy.Resource)
			must(t, err)
			d := policy.Evaluate(&policy.Request{
				Principal: &policy.Principal{Type: policy.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root"},
				Action:    "logs:GetLogEvents", Resource: "arn:aws:logs:us-east-1:" + us + ":log-group:" + resource, ResourceAccount: us,
			}, &policy.Policies{Resource: &policy.Attached{Document: document}, Identity: everything(t)})
			return d.Outcome == policy.Allowed
		}
		if allowed(them, "/app") {
			t.Error("allowed without a policy")
		}
		arn := "arn:aws:logs:us-east-1:" + us + ":log-group:"
		for name, text := range map[string]string{
			"app":   allow("one", them, arn+"/app"),
			"list":  allow("one", "111111111111", arn+"/list"),
			"alone": `{"Version":"2012-10-17","Statement":{"Sid":"one","Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"logs:GetLogEvents","Resource":"` + arn + `${aws:PrincipalAccount}"}}`,
			"old":   `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"logs:GetLogEvents","Resource":["` + arn + `${aws:PrincipalAccount}"],"Condition":{"NumericLessThan":{"aws:EpochTime":12345678901234567890}}}]}`,
		} {
			_, err := c.PutPolicy(t.Context(), us, name, text)
			must(t, err)
		}
		text, err := c.DecidingPolicy(t.Context(), us)
		must(t, err)
		for _, part := range []string{"${aws:PrincipalAccount}", "${$}{aws:PrincipalAccount}", "12345678901234567890"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s does not hold %s", text, part)
			}
		}
		if !allowed(them, "/app") || allowed(them, "/list") || !allowed("111111111111", "/list") || allowed("111111111111", "/app") {
			t.Errorf("together they say something else: %s", text)
		}
		must(t, c.DeletePolicy(t.Context(), us, "app"))
		if allowed(them, "/app") {
			t.Error("a policy that is gone still decides")
		}
	})
}

func everything(t *testing.T) []policy.Attached {
	t.Helper()
	document, err := policy.Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, policy.Identity)
	must(t, err)
	return []policy.Attached{{Document: document}}
}

// Every call on a log group asks for its account's policies.
func BenchmarkDecidingPolicy(b *testing.B) {
	c := open(b, storetest.SQLite(b))
	for name, policies := range map[string]int{"none": 0, "one": 1, "ten": maxPolicies} {
		for i := range policies {
			if _, err := c.PutPolicy(b.Context(), name, fmt.Sprint("p", i), allow("", them, "*")); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.DecidingPolicy(b.Context(), name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
