package policy

import "fmt"

// Outcome is what became of a request. The zero Outcome denies.
type Outcome int

// The outcomes.
const (
	ImplicitlyDenied Outcome = iota // no policy that has to allow it does
	ExplicitlyDenied                // a Deny statement applies
	Allowed
)

// String is the outcome in the words of SimulatePrincipalPolicy: allowed, explicitDeny,
// implicitDeny.
func (o Outcome) String() string {
	switch o {
	case Allowed:
		return "allowed"
	case ExplicitlyDenied:
		return "explicitDeny"
	}
	return "implicitDeny"
}

// Layer is a type of policy.
type Layer int

// The layers.
const (
	NoLayer       Layer = iota // the root user of an account, to what is its own
	ControlLayer               // service control policies
	IdentityLayer              // policies of users, groups and roles
	BoundaryLayer              // the permissions boundary
	SessionLayer               // session policies
	ResourceLayer              // the policy of the resource
	TrustLayer                 // the trust policy of a role
)

var layerNames = [...]string{
	"account root user", "service control policy", "identity-based policy", "permissions boundary",
	"session policy", "resource-based policy", "role trust policy",
}

// String is the name of the layer in the sentences of AWS: "identity-based policy".
func (l Layer) String() string {
	if l < 0 || int(l) >= len(layerNames) {
		return "unknown policy"
	}
	return layerNames[l]
}

// Decision says what became of a request, and why.
type Decision struct {
	Outcome Outcome

	// By is the layer that decided: that of the Deny statement, the one that lacks an Allow, or
	// the one whose Allow was enough. Of several it is the one that AWS looks at first.
	By Layer

	// Policy and Statement are the document and the index of the statement that decided; Policy is
	// nil for implicit denials and the root user.
	Policy    *Attached
	Statement int
}

// Because is the reason of a denial as the sentence of AWS ends with it, and empty if the request
// is allowed: "because no identity-based policy allows the ecs:RunTask action", "with an explicit
// deny in a permissions boundary". Source: IAM User Guide, "Troubleshoot access denied error
// messages".
func (d Decision) Because(action string) string {
	switch d.Outcome {
	case Allowed:
		return ""
	case ImplicitlyDenied:
		return fmt.Sprintf("because no %s allows the %s action", d.By, action)
	}
	article := "a"
	switch d.By {
	case IdentityLayer:
		article = "an"
	case TrustLayer:
		article = "the"
	}
	return fmt.Sprintf("with an explicit deny in %s %s", article, d.By)
}
