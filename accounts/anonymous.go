package accounts

import (
	"context"
	"strings"

	"slipway/accounts/policy"
)

// AuthorizeAnonymous is Authorize for a caller who signed nothing: only the policy of the resource itself can let
// such a one in, and only as everybody.
func (c *Control) AuthorizeAnonymous(ctx context.Context, r *Request) error {
	nobody := Principal{Type: string(policy.Anonymous), ARN: "anonymous"}
	denied := &DenialError{Who: nobody, Action: r.Action, Resource: r.shown(), Because: "because no resource-based policy allows the " + r.Action + " action"}
	owner, known := ownerOf(r.Resource, "")
	if !known || owner == "" {
		return denied
	}
	attached, err := c.resourcePolicy(ctx, r)
	if err != nil {
		return err
	}
	request := &policy.Request{Action: r.Action, Resource: r.Resource, ResourceAccount: owner, Context: anonymous(r.Values)}
	if policy.Evaluate(request, &policy.Policies{Resource: attached}).Outcome != policy.Allowed {
		return denied
	}
	return nil
}

// anonymous answers for condition keys: of a caller who is nobody, there is but that.
type anonymous func(key string) ([]string, bool)

// Values satisfies policy.Context.
func (values anonymous) Values(key string) ([]string, bool) {
	switch {
	case key == "aws:principaltype":
		return []string{string(policy.Anonymous)}, true
	case strings.HasPrefix(key, "aws:principal"), key == "aws:userid", key == "aws:username", values == nil:
		return nil, false
	}
	return values(key)
}
