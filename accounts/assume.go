package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway/accounts/policy"
	"slipway/internal/errs"
	"slipway/store"
)

// Assumption is what a principal asks for that wants to act in a role.
type Assumption struct {
	Role           string        // its ARN
	Name           string        // of the session
	Duration       time.Duration // 15 minutes to what the role allows; 0: an hour
	Policy         string        // a policy document that narrows the session, or ""
	PolicyARNs     []string      // managed policies that do so
	Tags           []Tag
	Transitive     []string // keys of those tags that pass on to sessions which this one makes
	SourceIdentity string   // who stands behind the session; "": as the caller's own session says
}

// Assumed is a session of a role, and the only time that its secrets are told.
type Assumed struct {
	Credentials
	ARN            string // arn:aws:sts::123456789012:assumed-role/deploy/ci
	UserID         string // AROA...:ci
	SourceIdentity string
	Packed         int // how full, in percent, its policies and tags make the room for them; 0: it has none
}

// TrustedRole is what decides who may assume a role.
type TrustedRole struct {
	Trust string // its trust policy; "" of a role that is not there
	Tags  map[string]string
}

// TrustedRole returns what decides who may assume the role of an ARN. One that is not there, or whose
// account is closed, has no trust policy, and nobody may. It returns ErrRoleARN.
func (c *Control) TrustedRole(ctx context.Context, role string) (t TrustedRole, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := roleByARN(tx, role)
		if errors.Is(err, ErrNoEntity) {
			t = TrustedRole{}
			return nil
		}
		if err != nil {
			return err
		}
		t.Trust = e.Trust
		t.Tags, err = tagMap(tx, e.ID)
		return err
	})
	return t, err
}

// roleByARN finds a role of an active account by its ARN, path included. It returns ErrRoleARN or
// ErrNoEntity.
func roleByARN(tx *store.Tx, role string) (Entity, error) {
	account, kind, _, name, ok := parseEntityARN(role)
	if !ok || kind != KindRole || checkID(account) != nil {
		return Entity{}, errs.Say(ErrRoleARN, "%s is invalid", role)
	}
	e, err := readEntity(tx, account, KindRole, name)
	if err != nil {
		return e, err
	}
	a, err := readAccount(tx, account)
	if err == nil && (e.ARN() != role || a.State != StateActive) {
		err = noEntity(KindRole, name)
	}
	return e, err
}

// AssumeRole makes a session of a role. That the principal may, the caller has asked before with
// Authorize, for sts:AssumeRole, and for sts:TagSession and sts:SetSourceIdentity where Passes says
// so. It returns ErrDuration, ErrInput, ErrMalformed and ErrPacked for what the session should be,
// and a DenialError if the role has gone meanwhile.
func (c *Control) AssumeRole(ctx context.Context, who *Principal, a Assumption) (Assumed, error) {
	s, err := a.session(who)
	if err != nil {
		return Assumed{}, err
	}
	packed, err := packedSize(&a, s.Tags)
	if err != nil {
		return Assumed{}, err
	}
	r := newRow("", "", s)
	var role Entity
	err = c.db.Update(ctx, func(tx *store.Tx) (err error) {
		if role, err = roleByARN(tx, a.Role); err != nil {
			return err
		}
		life, err := a.life(role, who)
		if err != nil {
			return err
		}
		if err := checkSessionPolicies(tx, role.Account, a.PolicyARNs); err != nil {
			return err
		}
		r.account, r.entity = role.Account, role.ID
		return c.insertSession(tx, &r, life)
	})
	if errors.Is(err, ErrNoEntity) {
		return Assumed{}, &DenialError{Who: *who, Action: actionAssumeRole, Resource: a.Role}
	}
	as := rolePrincipal(role.Account, role.ID, role.Name, a.Name)
	return Assumed{Credentials: r.credentials(), ARN: as.ARN, UserID: as.UserID, SourceIdentity: s.SourceIdentity, Packed: packed}, err
}

// life is how long the session may last.
// Source: AWS STS API Reference, AssumeRole; IAM User Guide, "Role chaining".
func (a *Assumption) life(role Entity, who *Principal) (time.Duration, error) {
	life := cmp.Or(a.Duration, roleLife)
	switch {
	case who.Type == TypeRole && life > chainedLife:
		return 0, errs.Say(ErrDuration, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case life > role.MaxSession:
		return 0, errs.Say(ErrDuration, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case life < shortestLife:
		return 0, errs.Say(ErrDuration, "The requested DurationSeconds must be at least %d.", int(shortestLife.Seconds()))
	}
	return life, nil
}

// Passes tells what a session passes on to those that it makes: transitive tags, and its source
// identity. What is passed on has to be allowed like what is asked for.
func (p *Principal) Passes() (tags map[string]string, sourceIdentity string) {
	if p.Session == nil {
		return nil, ""
	}
	tags = map[string]string{}
	for _, key := range p.Session.Transitive {
		if value, ok := p.Session.Tags[key]; ok {
			tags[key] = value
		}
	}
	return tags, p.Session.SourceIdentity
}

// makers are the accounts of all who have a part in the sessions that the principal makes.
func (p *Principal) makers() string {
	switch {
	case p.Session == nil || p.Session.makers == "":
		return p.Account
	case strings.Contains(p.Session.makers, p.Account):
		return p.Session.makers
	}
	return p.Session.makers + " " + p.Account
}

// session is what is asked for, with what the caller's own session passes on.
func (a *Assumption) session(who *Principal) (Session, error) {
	inherited, source := who.Passes()
	if source != "" && a.SourceIdentity != "" && a.SourceIdentity != source {
		return Session{}, &DenialError{Who: *who, Action: actionSetSourceIdentity, Resource: a.Role}
	}
	tags, err := a.tags(inherited)
	if err != nil {
		return Session{}, err
	}
	s := Session{Name: a.Name, makers: who.makers(), Policies: slices.Clone(a.PolicyARNs), Tags: tags, SourceIdentity: cmp.Or(a.SourceIdentity, source)}
	s.Transitive = append(slices.Sorted(maps.Keys(inherited)), a.Transitive...)
	if a.Policy == "" {
		return s, nil
	}
	if _, err := parsePolicy(a.Policy, policy.Identity); err != nil {
		return Session{}, err
	}
	s.Policies = append(s.Policies, a.Policy)
	return s, nil
}

// tags are those asked for and those inherited, which stay as they are.
// Source: IAM User Guide, "Pass session tags in AWS STS".
func (a *Assumption) tags(inherited map[string]string) (map[string]string, error) {
	if err := checkTags(KindRole, a.Tags); err != nil {
		return nil, err
	}
	tags := maps.Clone(inherited)
	if tags == nil {
		tags = map[string]string{}
	}
	for _, t := range a.Tags {
		if hasFolded(inherited, t.Key) {
			return nil, errs.Say(ErrInput, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		tags[t.Key] = t.Value
	}
	for _, key := range a.Transitive {
		if _, ok := tags[key]; !ok {
			return nil, errs.Say(ErrInput, "The specified transitive tag key must be included in the requested tags.")
		}
	}
	if len(tags) > maxTags {
		return nil, overQuota("SessionTags", maxTags)
	}
	return tags, nil
}

func hasFolded(tags map[string]string, key string) bool {
	for have := range tags {
		if strings.EqualFold(have, key) {
			return true
		}
	}
	return false
}

// maxSessionPolicies is how many managed policies narrow a session at most.
// Source: AWS STS API Reference, AssumeRole, PolicyArns.
const maxSessionPolicies = 10

// checkSessionPolicies wants policies that are there: of the role's account, or of AWS.
func checkSessionPolicies(tx *store.Tx, account string, arns []string) error {
	if len(arns) > maxSessionPolicies {
		return errs.Say(ErrInput, "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxSessionPolicies)
	}
	for _, arn := range arns {
		owner, kind, _, _, ok := parseEntityARN(arn)
		if !ok || kind != KindPolicy || owner != account && owner != awsOwner {
			return noSessionPolicy(arn)
		}
		switch _, err := inForce(tx, arn); {
		case errors.Is(err, ErrNoEntity):
			return noSessionPolicy(arn)
		case err != nil:
			return err
		}
	}
	return nil
}

func noSessionPolicy(arn string) error {
	return errs.Say(ErrInput, "The specified value for policyArns is invalid: %s", arn)
}

// packedRoom is how many characters there are for the policies and tags of a session. AWS packs
// them in a form of its own and says only how full it is: here every character counts that is not
// white space. Source: IAM User Guide, "IAM and AWS STS quotas", session policies.
const packedRoom = 2048

// packedSize is how full the room for policies and tags is, in percent, or ErrPacked.
func packedSize(a *Assumption, tags map[string]string) (percent int, err error) {
	policies, tagged := policy.Size(a.Policy), 0
	for _, arn := range a.PolicyARNs {
		policies += len(arn)
	}
	for key, value := range tags {
		tagged += len(key) + len(value)
	}
	percent = (100*(policies+tagged) + packedRoom - 1) / packedRoom
	switch {
	case percent <= 100:
		return percent, nil
	case policies == 0:
		return 0, errs.Say(ErrPacked, "Packed size of session tags consumes %d%% of allotted space.", percent)
	}
	return 0, errs.Say(ErrPacked, "Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
}

// IssueFor makes credentials of a role of account, named by its ARN, for a task or function that
// service runs: "ecs-tasks.amazonaws.com" or "lambda.amazonaws.com", which the role has to trust.
// They last six hours, or until Revoke of bound, the ARN of the task or function. It returns
// ErrNotTrusted when there is no such role, and when it does not trust the service.
func (c *Control) IssueFor(ctx context.Context, account, role, bound, sessionName, service string) (Credentials, error) {
	r := newRow(account, "", Session{Name: sessionName, Bound: bound})
	err := c.db.Update(ctx, func(tx *store.Tx) error {
		e, err := c.trustedRole(ctx, tx, account, role, bound, service)
		if err != nil {
			return err
		}
		r.entity = e.ID
		return c.insertSession(tx, &r, boundLife)
	})
	return r.credentials(), err
}

// ActingFor returns who a service is while it acts in a role of account, named by its ARN, for the task
// or function that bound names, for the moment: nobody gets credentials of it. Its errors are those of IssueFor.
func (c *Control) ActingFor(ctx context.Context, account, role, bound, sessionName, service string) (p Principal, err error) {
	err = c.db.View(ctx, func(tx *store.Tx) error {
		e, err := c.trustedRole(ctx, tx, account, role, bound, service)
		if err != nil {
			return err
		}
		p = rolePrincipal(account, e.ID, e.Name, sessionName)
		p.Session = &Session{Name: sessionName, Issuer: e.ARN(), Bound: bound, Created: tx.Now, Expires: tx.Now.Add(shortestLife)}
		return nil
	})
	return p, err
}

// trustedRole finds a role of account that lets a service act in it.
func (c *Control) trustedRole(ctx context.Context, tx *store.Tx, account, role, bound, service string) (Entity, error) {
	e, err := roleByARN(tx, role)
	if errors.Is(err, ErrNoEntity) || errors.Is(err, ErrRoleARN) || err == nil && e.Account != account {
		return e, fmt.Errorf("%w: %s, by %s", ErrNotTrusted, role, service)
	}
	if err != nil {
		return e, err
	}
	return e, c.trusts(ctx, e, service, bound)
}

// trusts fails unless a role lets a service act in it for something of the role's own account.
func (c *Control) trusts(ctx context.Context, role Entity, service, bound string) error {
	doc, err := c.trustTexts.compiled(ctx, role.Trust)
	if err != nil {
		return err
	}
	decision := policy.Evaluate(&policy.Request{
		Principal: &policy.Principal{Type: policy.Service, Service: service},
		Action:    actionAssumeRole, Resource: role.ARN(), ResourceAccount: role.Account,
		Context: onBehalf{role.Account, bound},
	}, &policy.Policies{Resource: &policy.Attached{Document: doc, Name: role.ARN(), Type: policy.SourceResource}})
	if decision.Outcome != policy.Allowed {
		return fmt.Errorf("%w: %s, by %s", ErrNotTrusted, role.ARN(), service)
	}
	return nil
}

// onBehalf are the condition keys of a service that assumes a role for somebody.
// Source: IAM User Guide, "The confused deputy problem".
type onBehalf struct{ account, source string }

// Values satisfies policy.Context.
func (o onBehalf) Values(key string) ([]string, bool) {
	switch key {
	case "aws:sourceaccount":
		return []string{o.account}, true
	case "aws:sourcearn":
		return []string{o.source}, true
	case "aws:principalisawsservice":
		return []string{"true"}, true
	}
	return nil, false
}
