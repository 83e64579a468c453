package audit

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Entry is the record of one call: who asked for what, from where, and what came of it. It has
// no place for what the call said or was answered, so it holds no secrets. What is too long is
// cut, and what cannot be printed is replaced.
type Entry struct {
	ID     string    // a UUID; given by Record
	Time   time.Time // when the call was done; given by Record
	Shared string    // what the records of one call in two accounts have in common; given by Record

	// Account is that of the caller, twelve digits, in which the record is kept. For callers whom
	// nobody knows it is the account that this installation is for.
	Account string
	// Owner is the account whose resources an allowed call was about, if that is another one. The
	// call is then told in both, to the owner without the caller's name.
	Owner     string
	Principal Principal

	Service   string // "ecs"
	Operation string // "RunTask"
	Action    string // what had to be allowed, if that is not Service:Operation
	Resources []Resource
	ReadOnly  bool // see ReadOnly

	Source    string // IP address
	UserAgent string
	Region    string
	RequestID string

	ErrorCode    string // "": the call was done
	ErrorMessage string
	Cause        string // ID of the record of what caused the call; "": the caller's own will

	Omitted int64 // calls of nobody known just before this one that have no record; given by Record
}

// Principal is who called.
type Principal struct {
	Type        string // PrincipalRoot, ...
	ARN         string
	UserID      string // the account for its root, AIDA..., AROA...:session; the name of a service
	AccessKeyID string

	// Of an assumed role:
	IssuerARN    string    // the role
	IssuerID     string    // AROA...
	SessionStart time.Time // to the second
}

// The types of principals.
// Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element".
const (
	PrincipalRoot    = "Root"
	PrincipalUser    = "IAMUser"
	PrincipalRole    = "AssumedRole"
	PrincipalAccount = "AWSAccount" // of another account, as the owner of a resource sees it
	PrincipalService = "AWSService"
	PrincipalUnknown = "Unknown" // nobody known: the key or the signature was wrong
)

// Resource is what a call was about.
type Resource struct {
	ARN  string
	Type string // "AWS::ECS::Cluster"; "" is told from the ARN
}

// Name is what people call a principal: the user's name, the session's of a role, "root"; or "".
func (p *Principal) Name() string {
	switch p.Type {
	case PrincipalRoot:
		return "root"
	case PrincipalUser, PrincipalRole:
		return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
	}
	return ""
}

// ActionName is what had to be allowed: "ecs:RunTask".
func (e *Entry) ActionName() string {
	if e.Action != "" {
		return e.Action
	}
	return e.Service + ":" + e.Operation
}

const maxResources = 100

var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

// settle checks an entry and brings it into the form in which it is kept.
func (e *Entry) settle() error {
	if !isAccount(e.Account) || e.Owner != "" && !isAccount(e.Owner) {
		return fmt.Errorf("%w: account %.20q, owner %.20q", ErrEntry, e.Account, e.Owner)
	}
	e.Shared, e.Omitted = "", 0
	if e.Owner == e.Account {
		e.Owner = ""
	}
	if e.Action == e.Service+":"+e.Operation {
		e.Action = ""
	}
	if !isKeyID(e.Principal.AccessKeyID) {
		e.Principal.AccessKeyID = ""
	}
	e.ErrorMessage = withoutSecrets(e.ErrorMessage)
	for _, t := range e.texts() {
		*t.at = clean(*t.at, t.max)
	}
	e.Resources = settleResources(e.Resources)
	return nil
}

// settleResources leaves the caller's slice as it is.
func settleResources(given []Resource) []Resource {
	var kept []Resource
	for _, r := range given {
		if r.ARN == "" || r.ARN == "*" || len(kept) == maxResources {
			continue
		}
		if kept == nil {
			kept = make([]Resource, 0, min(len(given), maxResources))
		}
		if r.Type == "" {
			r.Type = typeOf(r.ARN)
		}
		kept = append(kept, Resource{clean(r.ARN, 1024), clean(r.Type, 128)})
	}
	return kept
}

// text is one text of an entry and how many bytes it may have.
type text struct {
	at  *string
	max int
}

// texts are all the texts of an entry but for its ids and resources, in the order in which they
// are written. What is added later comes at the end.
func (e *Entry) texts() [19]text {
	p := &e.Principal
	return [...]text{
		{&e.Account, 12}, {&e.Owner, 12}, {&e.Shared, 36},
		{&p.Type, 32}, {&p.ARN, 2048}, {&p.UserID, 256}, {&p.AccessKeyID, 128}, {&p.IssuerARN, 2048}, {&p.IssuerID, 128},
		{&e.Service, 64}, {&e.Operation, 128}, {&e.Action, 256},
		{&e.Source, 64}, {&e.UserAgent, 512}, {&e.Region, 64}, {&e.RequestID, 128},
		{&e.ErrorCode, 128}, {&e.ErrorMessage, 1024}, {&e.Cause, 64},
	}
}

func isAccount(s string) bool { return accountPattern.MatchString(s) }
