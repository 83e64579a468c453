package accounts

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"

	"slipway/accounts/policy"
	"slipway/internal/arn"
	"slipway/internal/errs"
)

// Request is what a principal wants to do.
type Request struct {
	Action   string                                      // "ecs:RunTask"
	Resource string                                      // an ARN, or "*"
	Shown    string                                      // how a denial names the resource, "user ann"; "": by Resource
	Values   func(key string) (values []string, ok bool) // condition keys of the request, asked in lower case; nil: it has none
	Policy   func() (string, error)                      // the policy of the resource itself, "" if it has none; nil: none
}

func (r *Request) shown() string { return cmp.Or(r.Shown, r.Resource) }

// Authorize returns nil if who may do what the request says, and otherwise a DenialError, whatever
// the reason: no policy allows it, one forbids it, or one of those that apply can not be read. A
// resource whose ARN names no account is the principal's own. Any other error is a failure of ours.
//
// The policy of a role that is to be assumed is its trust policy. A role without one, which is
// how a role that is missing looks, may be assumed by nobody.
func (c *Control) Authorize(ctx context.Context, who *Principal, r *Request) error {
	owner, known := ownerOf(r.Resource, who.Account)
	if !known || who.Account == "" || forbidden(who, r.Action) {
		return &DenialError{Who: *who, Action: r.Action, Resource: r.shown(), Because: lacking(r.Action)}
	}
	decision, err := c.decide(ctx, who, owner, r)
	switch {
	case errors.Is(err, errNoRights):
		return &DenialError{Who: *who, Action: r.Action, Resource: r.shown(), Because: lacking(r.Action)}
	case errors.Is(err, errBroken), errs.KindOf(err) == errs.NotFound:
		slog.ErrorContext(ctx, "a policy that decides can not be read", "principal", who.ARN, "action", r.Action, "resource", r.Resource, "error", err)
		return &DenialError{Who: *who, Action: r.Action, Resource: r.shown(), Because: "because a policy that applies can not be read"}
	case err != nil:
		return err
	case decision.Outcome == policy.Allowed:
		return nil
	}
	return &DenialError{Who: *who, Action: r.Action, Resource: r.shown(), Because: because(decision, r.Action)}
}

// lacking is the reason of who has no policy that allows it.
func lacking(action string) string { return policy.Decision{By: policy.IdentityLayer}.Because(action) }

// because leaves out which policy is missing where a role is assumed, as AWS does, and what the role's
// own says: a role that does not trust the caller must not be told from one that is not there.
func because(d policy.Decision, action string) string {
	if isAssumption(action) && (d.Outcome == policy.ImplicitlyDenied || d.By == policy.TrustLayer) {
		return ""
	}
	return d.Because(action)
}

// forbidden are calls that credentials of GetSessionToken can not make, whatever policies say: those
// to IAM need multi-factor authentication, which Slipway does not have. Source: IAM User Guide,
// "Compare AWS STS credentials".
func forbidden(who *Principal, action string) bool {
	return who.Session != nil && who.Type != TypeRole && strings.HasPrefix(action, "iam:")
}

// ownerOf is the account that a resource belongs to: what its ARN says, or the caller's own. What is
// AWS's is everybody's.
func ownerOf(resource, caller string) (account string, known bool) {
	if resource == "*" {
		return caller, true
	}
	a, err := arn.Parse(resource)
	if a.Account == "" || a.Account == awsOwner {
		a.Account = caller
	}
	return a.Account, err == nil
}

// decide puts together all policies that apply.
func (c *Control) decide(ctx context.Context, who *Principal, owner string, r *Request) (policy.Decision, error) {
	own, err := c.rightsOf(ctx, who)
	if err != nil {
		return policy.Decision{}, err
	}
	all := policy.Policies{Identity: own.identity, Boundary: own.boundary}
	if who.Session != nil && len(who.Session.Policies) > 0 {
		all.HasSession = true
		if all.Session, err = c.sessionPolicies(ctx, who.Session); err != nil {
			return policy.Decision{}, err
		}
	}
	if all.Resource, err = c.resourcePolicy(ctx, r); err != nil {
		return policy.Decision{}, err
	}
	subject := who.subject()
	request := &policy.Request{
		Principal: &subject, Action: r.Action, Resource: r.Resource, ResourceAccount: owner,
		Context: &conditions{who: who, tags: own.tags, organization: c.organization.Load(), values: r.Values},
	}
	d := policy.Evaluate(request, &all)
	switch {
	case d.Outcome == policy.Allowed && all.Resource == nil && isAssumption(r.Action):
		d = policy.Decision{By: policy.TrustLayer}
	case d.Outcome != policy.Allowed && all.Resource != nil && owner != who.Account:
		d = withoutResource(request, all)
	}
	return d, nil
}

// withoutResource denies as if the resource had no policy: what the policy of another account's
// resource says would tell that the resource is there.
func withoutResource(r *policy.Request, all policy.Policies) policy.Decision {
	all.Resource = nil
	if d := policy.Evaluate(r, &all); d.Outcome != policy.Allowed {
		return d
	}
	return policy.Decision{By: policy.ResourceLayer}
}

// isAssumption knows the actions that a role's trust policy has to allow.
func isAssumption(action string) bool {
	return action == actionAssumeRole || action == actionTagSession || action == actionSetSourceIdentity
}

// The actions that make a session of a role.
const (
	actionAssumeRole        = "sts:AssumeRole"
	actionTagSession        = "sts:TagSession"
	actionSetSourceIdentity = "sts:SetSourceIdentity"
)

// resourcePolicy is that of the resource itself; nil: it has none.
func (c *Control) resourcePolicy(ctx context.Context, r *Request) (*policy.Attached, error) {
	if r.Policy == nil {
		return nil, nil
	}
	document, err := r.Policy()
	if err != nil || document == "" {
		return nil, err
	}
	from := c.resourceTexts
	if isAssumption(r.Action) {
		from = c.trustTexts
	}
	doc, err := from.compiled(ctx, document)
	return &policy.Attached{Document: doc, Name: r.Resource, Type: policy.SourceResource}, err
}
