package secrets_test

import (
	"errors"
	"testing"

	"slipway/secrets"
)

func TestPoliciesOfSecrets(t *testing.T) {
	each(t, func(w *world) {
		ctx, ref := t.Context(), w.SecretRef(account, "db")
		w.create("db", "one", "")
		if _, err := w.SetPolicy(ctx, ref, "bad", false); !errors.Is(err, secrets.ErrPolicy) {
			t.Errorf("a bad one: %v", err)
		}
		public := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*"}]}`
		if _, err := w.SetPolicy(ctx, ref, public, true); !errors.Is(err, secrets.ErrPublicPolicy) {
			t.Errorf("a public one: %v", err)
		}
		for _, policy := range []string{public, "x", ""} {
			_, err := w.SetPolicy(ctx, ref, policy, false)
			must(t, err)
			if s, err := w.Deciding(ctx, ref); err != nil || s.Policy != policy {
				t.Errorf("the policy is %q, %v, want %q", s.Policy, err, policy)
			}
		}
	})
}

func TestWhatIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		`{"Statement":{"Effect":"Allow","Principal":"*"}}`:                                                             true,
		`{"Statement":[{"Effect":"Deny","Principal":"*"}]}`:                                                            false,
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":["1","*"]}}]}`:                                             true,
		`{"Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":"1"}}]}`:                                                true,
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:user/*"}}]}`:                               false,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}`: false,
		`[`: true, `{"Statement":7}`: true,
	} {
		if got := secrets.IsPublic(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
