package accounts

import (
	"cmp"
	"strings"
	"time"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/ids"
	"slipway/internal/lazyregexp"
	"slipway/store"
)

// Entity is a user, group, role, instance profile or managed policy of an account. Its names are
// an account's own: the same name in two accounts is two strangers.
type Entity struct {
	ID          string // AIDA, AGPA, AROA, AIPA or ANPA, and 17 characters; never used twice
	Account     string
	Kind        Kind
	Name        string
	Path        string // "/" or "/a/b/"
	Description string
	Trust       string        // of a role: its trust policy, with principals by unique id
	MaxSession  time.Duration // of a role
	Boundary    string        // ARN of the permissions boundary of a user or role, or ""
	Service     string        // of a service-linked role: "ecs.amazonaws.com"
	LastUsed    time.Time     // of a role: when a session was last made or used; zero: never
	LastRegion  string        // of a role: where
	Created     time.Time
	Updated     time.Time
}

// Kind tells what an entity is.
type Kind string

// The kinds of entities, as ARNs have them.
const (
	KindUser    Kind = "user"
	KindGroup   Kind = "group"
	KindRole    Kind = "role"
	KindProfile Kind = "instance-profile"
	KindPolicy  Kind = "policy"
)

// kindFacts are what differs from kind to kind.
type kindFacts struct {
	prefix  string // of unique ids
	quota   int    // how many an account may have
	word    string // of its quotas' names
	missing string // AWS's sentence for a name that is not there
	taken   string // AWS's sentence for a name that is
}

// Source: IAM User Guide, "IAM identifiers" and "IAM and AWS STS quotas".
var kinds = map[Kind]kindFacts{
	KindUser:    {"AIDA", 5000, "User", "The user with name %s cannot be found.", "User with name %s already exists."},
	KindGroup:   {"AGPA", 300, "Group", "The group with name %s cannot be found.", "Group with name %s already exists."},
	KindRole:    {"AROA", 1000, "Role", "The role with name %s cannot be found.", "Role with name %s already exists."},
	KindProfile: {"AIPA", 1000, "InstanceProfile", "Instance Profile %s cannot be found.", "Instance Profile %s already exists."},
	KindPolicy:  {"ANPA", 1500, "Policy", "Policy %s was not found.", "A policy called %s already exists. Duplicate names are not allowed."},
}

func (f kindFacts) plural() string {
	if stem, found := strings.CutSuffix(f.word, "y"); found {
		return stem + "ies"
	}
	return f.word + "s"
}

// newID makes a unique id for an entity of this kind.
func (k Kind) newID() string { return kinds[k].prefix + ids.Base32(17) }

// Quota is how many entities of this kind an account may have.
func (k Kind) Quota() int { return kinds[k].quota }

// ARN is the entity's ARN, path included.
func (e Entity) ARN() string { return entityARN(e.Account, e.Kind, e.Path, e.Name) }

func (e Entity) folded() string { return fold(e.Name) }

func (e *Entity) rename(name, path string) {
	e.Name, e.Path = cmp.Or(name, e.Name), cmp.Or(path, e.Path)
}

func entityARN(account string, kind Kind, path, name string) string {
	return arn.ARN{Service: "iam", Account: account, Resource: string(kind) + path + name}.String()
}

// parseEntityARN takes the ARN of an entity apart; ok is false for what is no such ARN.
func parseEntityARN(s string) (account string, kind Kind, path, name string, ok bool) {
	a, err := arn.Parse(s)
	if err != nil || a.Service != "iam" || a.Region != "" {
		return "", "", "", "", false
	}
	word, rest, _ := strings.Cut(a.Resource, "/")
	_, known := kinds[Kind(word)]
	rest = "/" + rest
	slash := strings.LastIndexByte(rest, '/') + 1
	path, name = rest[:slash], rest[slash:]
	return a.Account, Kind(word), path, name, known && name != ""
}

// Names and paths. Source: IAM API Reference, CreateUser, CreateRole, CreateGroup.
var (
	namePattern = lazyregexp.New(`^[\w+=,.@-]{1,128}$`)
	pathPattern = lazyregexp.New(`^/([!-~]{1,510}/)?$`)
)

// nameSizes are the longest names; those of other kinds have 128 characters.
var nameSizes = map[Kind]int{KindUser: 64, KindRole: 64}

// checkName returns ErrName or nil.
func checkName(kind Kind, name string) error {
	size := nameSizes[kind]
	if !namePattern.MatchString(name) || size > 0 && len(name) > size {
		return errs.Say(ErrName, "The specified value for %sName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", kindWord(kind))
	}
	return nil
}

// checkPath returns ErrName or nil.
func checkPath(path string) error {
	if !pathPattern.MatchString(path) {
		return errs.Say(ErrName, "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return nil
}

// kindWord is a kind as the names of members begin: user, instanceProfile.
func kindWord(kind Kind) string {
	if kind == KindProfile {
		return "instanceProfile"
	}
	return string(kind)
}

// check says what is wrong with a new entity's names.
func (e Entity) check() error {
	if err := checkName(e.Kind, e.Name); err != nil {
		return err
	}
	return checkPath(e.Path)
}

// addEntity inserts a new entity, whose ID is made by the caller, and gives it its times. It
// returns ErrName, ErrEntityExists, or ErrQuota.
func addEntity(tx *store.Tx, e *Entity) error {
	if err := e.check(); err != nil {
		return err
	}
	e.Created, e.Updated = tx.Now, tx.Now
	inserted, err := insertEntity(tx, *e)
	if err != nil {
		return err
	}
	if !inserted {
		return errs.Say(ErrEntityExists, kinds[e.Kind].taken, e.Name)
	}
	n, err := countEntities(tx, e.Account, e.Kind)
	if err == nil && n > e.Kind.Quota() {
		return overQuota(kinds[e.Kind].plural()+"PerAccount", e.Kind.Quota())
	}
	return err
}

// overQuota is ErrQuota in AWS's words.
func overQuota(name string, quota int) error {
	return errs.Say(ErrQuota, "Cannot exceed quota for %s: %d", name, quota)
}

// noEntity is ErrNoEntity in AWS's words.
func noEntity(kind Kind, name string) error {
	return errs.Say(ErrNoEntity, kinds[kind].missing, name)
}

// fold is how names and keys of tags are compared: they differ by more than case.
func fold(name string) string { return strings.ToLower(name) }
