package policy

// PrincipalType is what aws:PrincipalType says of who asks.
type PrincipalType string

// The types of principals. Source: IAM User Guide, "AWS global condition context keys",
// aws:PrincipalType. Service is ours: AWS has no such key for services.
const (
	Root          PrincipalType = "Account"       // the root user of an account
	User          PrincipalType = "User"          // a user of an account, with long-term or session credentials
	AssumedRole   PrincipalType = "AssumedRole"   // a session of a role
	FederatedUser PrincipalType = "FederatedUser" // a session of GetFederationToken
	Anonymous     PrincipalType = "Anonymous"     // a caller who signed nothing
	Service       PrincipalType = "Service"       // an AWS service that acts for itself
)

// Principal is who asks, with all that the Principal element of a policy may call it.
type Principal struct {
	Type    PrincipalType
	Account string // twelve digits; empty for services and anonymous callers

	// ARN names the user, the session or the root:
	//	arn:aws:iam::123456789012:root
	//	arn:aws:iam::123456789012:user/path/ann
	//	arn:aws:sts::123456789012:assumed-role/deploy/session
	//	arn:aws:sts::123456789012:federated-user/ann
	ARN string

	// UserID is aws:userid: AIDA... of a user, AROA...:session of a role session.
	UserID string

	// IssuerARN and IssuerID are the ARN, path included, and the unique id of what a session was
	// made from: the role of an AssumedRole, the user of a FederatedUser.
	IssuerARN, IssuerID string

	// Service is the name of a Service: ecs-tasks.amazonaws.com.
	Service string
}

// Context answers for the condition keys of a request. It is asked only for keys that policies
// name, at most once for each place that names them.
type Context interface {
	// Values returns the values of a key, which is given in lower case ("aws:sourceip",
	// "aws:requesttag/team"), and whether the request has the key at all. A single-valued key has
	// one value. Times are RFC 3339 or seconds since 1970, binary values are their raw bytes. The
	// values are not kept.
	Values(key string) (values []string, present bool)
}

// Request is what is asked for.
type Request struct {
	Principal       *Principal
	Action          string  // ecs:RunTask
	Resource        string  // an ARN, or "*" for an action that has no resource
	ResourceAccount string  // the account that owns the resource; empty: the caller's own
	Context         Context // nil: no keys
}

// The types of attached policies, as MatchedStatements of SimulatePrincipalPolicy has them.
const (
	SourceUser        = "user"
	SourceGroup       = "group"
	SourceRole        = "role"
	SourceAWSManaged  = "aws-managed"
	SourceUserManaged = "user-managed"
	SourceResource    = "resource"
	SourceNone        = "none"
)

// Attached is a document in its place.
type Attached struct {
	Document *Document
	Name     string // its id or ARN, for simulations and denials
	Type     string // SourceUser, SourceGroup, ...
}

// Policies are those that apply to one request.
type Policies struct {
	// Control holds the service control policies of the caller's account: one list for each level
	// from the root of the organization down to the account. Each level has to allow. Empty: the
	// account is in no organization.
	Control [][]Attached

	Identity []Attached // of the caller and its groups, or of its role
	Boundary *Attached  // the permissions boundary of the caller or its role; nil: none

	// Session holds the session policies, at least one of which has to allow when HasSession is
	// set: set and empty denies everything. A FederatedUser always has to be allowed by one.
	Session    []Attached
	HasSession bool

	Resource *Attached // of the resource itself: a Resource or Trust document; nil: none
}
