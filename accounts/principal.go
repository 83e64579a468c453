package accounts

import "time"

// rightsTopic is touched by whatever changes what a principal may do: policies and their
// attachments, memberships, boundaries, the trust of roles, tags.
const rightsTopic = "accounts.rights"

// Principal is who acts.
type Principal struct {
	Type    string // TypeRoot, TypeUser or TypeRole
	Account string // twelve digits
	ARN     string // arn:aws:iam::123456789012:root, ...:user/ann, arn:aws:sts::123456789012:assumed-role/deploy/ci
	UserID  string // the account for its root, AIDA... for a user, AROA...:session for a role
	Entity  string // id of the user or role whose policies apply; "" for root

	Session *Session // nil for long-lived keys
}

// The types of principals, as aws:PrincipalType and CloudTrail have them.
const (
	TypeRoot = "Account"
	TypeUser = "User"
	TypeRole = "AssumedRole"
)

// Session is what short-lived credentials add to a principal.
type Session struct {
	Key            string            // the access key id: ASIA...
	Name           string            // of a role's session
	Issuer         string            // ARN of the role, or of the user or root that asked for a session token
	Policies       []string          // session policies: documents, and ARNs of managed policies; none: they limit nothing
	Tags           map[string]string // session tags
	Transitive     []string          // keys of the tags that a session inherits which this one makes
	SourceIdentity string
	Bound          string // ARN of the task or function that it was issued to; "": to nobody in particular
	Created        time.Time
	Expires        time.Time

	makers string // accounts of all who made this session, or the one that made it, one behind the other
}

// Root is the principal that owns an account.
func Root(account string) Principal {
	return Principal{Type: TypeRoot, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account}
}

func userPrincipal(account, id, path, name string) Principal {
	return Principal{Type: TypeUser, Account: account, ARN: entityARN(account, KindUser, path, name), UserID: id, Entity: id}
}

// rolePrincipal is a session of a role. Its ARN has no path.
func rolePrincipal(account, id, name, session string) Principal {
	return Principal{
		Type: TypeRole, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session,
		UserID: id + ":" + session, Entity: id,
	}
}
