package accounts

import (
	"errors"
	"testing"

	"slipway/store/storetest"
)

// What the policy of another account's resource says is not told to who is denied: it would tell that
// the resource is there.
func TestAnothersPolicyIsNotTold(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	const repository, role = "arn:aws:ecr:us-east-1:210987654321:repository/web", "arn:aws:iam::210987654321:role/web"
	allowed := w.who(w.user(us, "allowed", allow("*")).ID)
	denied := w.who(w.user(us, "denied", deny("*")).ID)
	nothing := w.who(w.user(us, "nothing", "").ID)

	for _, who := range []*Principal{allowed, denied, nothing} {
		sentences := map[string]string{}
		for name, say := range map[string]func(action string) string{
			"none":   func(string) string { return "" },
			"allow":  policyOf("Allow", "111111111111"),
			"deny":   policyOf("Deny", us),
			"both":   policyOf("Deny", "*"),
			"almost": policyOf("Allow", "arn:aws:iam::"+us+":user/somebody"),
		} {
			for _, r := range []*Request{
				{Action: "ecr:BatchGetImage", Resource: repository, Policy: func() (string, error) { return say("ecr:*"), nil }},
				{Action: "sts:AssumeRole", Resource: role, Policy: func() (string, error) { return say("sts:AssumeRole"), nil }},
			} {
				err := w.Authorize(w.ctx(), who, r)
				if !errors.Is(err, ErrDenied) {
					t.Errorf("%s to %s by a policy that says %s: %v", who.ARN, r.Action, name, err)
					continue
				}
				if first, known := sentences[r.Action]; known && first != err.Error() {
					t.Errorf("%s to %s is told\n\t%s\nor, by a policy that says %s,\n\t%s", who.ARN, r.Action, first, name, err)
				}
				sentences[r.Action] = err.Error()
			}
		}
	}
	// Where the account is the same, there is no secret.
	own := &Request{Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:us-east-1:" + us + ":repository/web", Policy: func() (string, error) { return policyOf("Deny", "*")("ecr:*"), nil }}
	fails(t, w.Authorize(w.ctx(), allowed, own), ErrDenied, "User: "+allowed.ARN+" is not authorized to perform: ecr:BatchGetImage on resource: "+own.Resource+" with an explicit deny in a resource-based policy")
}

// policyOf makes policies of one statement, about any action.
func policyOf(effect, principal string) func(action string) string {
	return func(action string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":{"AWS":"` + principal + `"},"Action":"` + action + `"}]}`
	}
}
