package accounts

import (
	"strings"
	"time"

	"slipway/accounts/policy"
)

// conditions answers for the condition keys of a request: those of the principal, and then those
// that the door knows.
//
// Source: IAM User Guide, "AWS global condition context keys".
type conditions struct {
	who          *Principal
	tags         map[string]string // of the user or role, keys in lower case
	organization *Organization     // nil: not known yet
	values       func(string) ([]string, bool)
}

// Values satisfies policy.Context.
func (c *conditions) Values(key string) ([]string, bool) {
	if name, tag := strings.CutPrefix(key, "aws:principaltag/"); tag {
		return one(c.tag(name))
	}
	if value, ok, ours := c.principal(key); ours {
		return one(value, ok)
	}
	if c.values == nil {
		return nil, false
	}
	return c.values(key)
}

func one(value string, ok bool) ([]string, bool) {
	if !ok {
		return nil, false
	}
	return []string{value}, true
}

// tag is a tag of the session or else of the user or role.
func (c *conditions) tag(folded string) (string, bool) {
	if s := c.who.Session; s != nil {
		for key, value := range s.Tags {
			if fold(key) == folded {
				return value, true
			}
		}
	}
	value, ok := c.tags[folded]
	return value, ok
}

// principal answers for the keys of the principal; ours says that the key is one of them.
func (c *conditions) principal(key string) (value string, ok, ours bool) {
	who, session := c.who, c.who.Session
	switch key {
	case "aws:principalarn":
		return who.issuer(), true, true
	case "aws:principalaccount":
		return who.Account, true, true
	case "aws:principaltype":
		return who.Type, true, true
	case "aws:userid":
		return who.UserID, true, true
	case "aws:username":
		return who.userName(), who.Type == TypeUser, true
	case "aws:principalisawsservice":
		return "false", true, true
	case "aws:principalorgid", "aws:resourceorgid": // all accounts of an installation are one organization
		if c.organization == nil {
			return "", false, true
		}
		return c.organization.ID, true, true
	case "aws:multifactorauthpresent": // long-lived keys do not have it
		return "false", session != nil, true
	case "aws:tokenissuetime":
		if session == nil {
			return "", false, true
		}
		return session.Created.Format(time.RFC3339), true, true
	case "aws:sourceidentity":
		return c.sourceIdentity(), c.sourceIdentity() != "", true
	}
	return "", false, false
}

func (c *conditions) sourceIdentity() string {
	if c.who.Session == nil {
		return ""
	}
	return c.who.Session.SourceIdentity
}

// subject is the principal as policies name it.
func (p *Principal) subject() policy.Principal {
	s := policy.Principal{Type: policy.PrincipalType(p.Type), Account: p.Account, ARN: p.ARN, UserID: p.UserID}
	if p.Type == TypeRole {
		s.IssuerARN, s.IssuerID = p.Session.Issuer, p.Entity
	}
	return s
}

// issuer is what aws:PrincipalArn says: the role of a session, and otherwise the principal itself.
func (p *Principal) issuer() string {
	if p.Type == TypeRole {
		return p.Session.Issuer
	}
	return p.ARN
}

// userName is the name of a user, without its path.
func (p *Principal) userName() string { return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:] }
