package secrets_test

import (
	"strings"
	"testing"

	"slipway/seal/sealtest"
	"slipway/secrets"
	"slipway/store/storetest"
)

// Whatever names a parameter or a secret names one of an account, or none, and a name that is not an ARN is
// the account's own.
func FuzzReferences(f *testing.F) {
	for _, text := range []string{
		"", "/app/db", "/app/db:3", "name:label", "arn:", "arn:aws:ssm:us-east-1:123456789012:parameter/app/db:prod",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-AbCdEf", "arn:aws:secretsmanager:us-east-1:210987654321:secret:db:key:AWSCURRENT:",
		"arn:aws:secretsmanager:us-east-1::secret:-AbCdEf", "arn:aws:ssm:us-east-1:123456789012:parameter/", "/aws/reference/secretsmanager/x",
	} {
		f.Add(text)
	}
	db := storetest.SQLite(f)
	room, err := secrets.New(f.Context(), db, sealtest.Keys(f, db), region)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, s := room.ParameterRef(account, text), room.SecretRef(account, text)
		if !strings.HasPrefix(text, "arn:") && (p.Account != account || s.Account != account || s.Name != text) {
			t.Errorf("%q names %+v and %+v", text, p, s)
		}
		if strings.Contains(p.Name, ":") || p.Account != account && !strings.Contains(text, ":"+p.Account+":") {
			t.Errorf("%q names the parameter %+v", text, p)
		}
		need, err := room.Need(t.Context(), account, text)
		if err == nil && need.Action == "ssm:GetParameters" && !strings.Contains(need.Resource, ":"+account+":parameter/") {
			t.Errorf("%q needs %+v", text, need)
		}
		if value, err := room.Resolve(t.Context(), account, text); err == nil {
			t.Errorf("%q is %q, and there is nothing", text, value)
		}
	})
}
