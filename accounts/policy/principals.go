package policy

import (
	"slices"
	"strings"

	"slipway/internal/lazyregexp"
)

// principals is a Principal or NotPrincipal element.
//
// Source: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".
type principals struct {
	everyone bool     // "*"
	accounts []string // twelve digits each
	names    []string // ARNs of users, roles and sessions; unique ids
	services []string
}

// grant says how an element names the caller, which decides what else has to allow.
type grant int

const (
	notNamed     grant = iota
	namesAccount       // the account of the caller: delegates to the account's own policies
	namesIssuer        // the role of a session: limited by boundary and session policies
	namesCaller        // the caller itself, or everybody: enough by itself in the same account
)

// match tells how the element names a caller.
func (p *principals) match(who *Principal) grant {
	switch {
	case p.everyone, who.Type == Service && slices.Contains(p.services, who.Service), p.named(who.ARN), p.named(who.UserID):
		return namesCaller
	case p.named(who.IssuerARN), p.named(who.IssuerID):
		return namesIssuer
	case p.namesAccountOf(who):
		return namesAccount
	}
	return notNamed
}

func (p *principals) named(name string) bool { return name != "" && slices.Contains(p.names, name) }

func (p *principals) namesAccountOf(who *Principal) bool {
	return who.Account != "" && slices.Contains(p.accounts, who.Account)
}

// excepts reports whether a NotPrincipal element spares a caller. A Deny spares those whose account
// and role are named too: "AWS might validate the account first, then the role, and then the
// assumed-role user". An Allow spares whoever is named at all.
func (p *principals) excepts(who *Principal, deny bool) bool {
	how := p.match(who)
	if !deny || p.everyone || who.Type == Service || who.Type == Anonymous {
		return how != notNamed
	}
	switch who.Type {
	case Root:
		return p.namesAccountOf(who)
	case AssumedRole:
		return how == namesCaller && p.namesAccountOf(who) && (p.named(who.IssuerARN) || p.named(who.IssuerID))
	}
	return how == namesCaller && p.namesAccountOf(who)
}

var (
	accountForm = lazyregexp.New(`^[0-9]{12}$`)
	uniqueForm  = lazyregexp.New(`^A[A-Z]{3}[A-Z0-9]{12,124}$`)
	serviceForm = lazyregexp.New(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	iamForm     = lazyregexp.New(`^(user|role)/[^*?]*[^*?/]$`)
	stsForm     = lazyregexp.New(`^(assumed-role/[^*?/]+/|federated-user/)[^*?/]+$`)
)

// add takes up one principal of a type, or reports that it is none.
func (p *principals) add(kind, name string) bool {
	switch kind {
	case "AWS":
		return p.addAWS(name)
	case "Service":
		p.services = append(p.services, name)
		return serviceForm.MatchString(name)
	}
	return name != "" // Federated and CanonicalUser: nobody here is one
}

func (p *principals) addAWS(name string) bool {
	switch account, resource := principalARN(name); {
	case name == "*":
		p.everyone = true
	case accountForm.MatchString(name):
		p.accounts = append(p.accounts, name)
	case uniqueForm.MatchString(name):
		p.names = append(p.names, name)
	case account == "":
		return false
	case resource == "root":
		p.accounts = append(p.accounts, account)
	default:
		p.names = append(p.names, name)
	}
	return true
}

// principalARN returns the account and the resource of the ARN of a principal, or nothing.
func principalARN(name string) (account, resource string) {
	parts, ok := splitARN(name)
	if !ok || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[3] != "" || !accountForm.MatchString(parts[4]) {
		return "", ""
	}
	switch {
	case parts[2] == "iam" && (parts[5] == "root" || iamForm.MatchString(parts[5])),
		parts[2] == "sts" && stsForm.MatchString(parts[5]):
		return parts[4], parts[5]
	}
	return "", ""
}
