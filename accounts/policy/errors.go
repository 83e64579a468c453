package policy

import "fmt"

// SyntaxError says what is wrong with the text of a policy, and where.
type SyntaxError struct {
	Text   string // AWS's sentence: `Syntax errors in policy.`
	Detail string // what exactly is wrong, in our words; may be empty
	Place  string // the element: `Statement[1].Condition.StringEquals`; empty for the whole
	Line   int    // of the element, from 1
	Column int    // in characters, from 1
}

func (e *SyntaxError) Error() string {
	place := fmt.Sprintf("line %d, column %d", e.Line, e.Column)
	if e.Place != "" {
		place = e.Place + ", " + place
	}
	if e.Detail != "" {
		place += ": " + e.Detail
	}
	return fmt.Sprintf("%s (%s)", e.Text, place)
}

// The sentences of IAM for documents that it refuses as malformed.
const (
	textSyntax      = "Syntax errors in policy."
	textJSON        = "This policy contains invalid Json"
	textVersion     = "Policy document must be version 2012-10-17 or greater."
	textPrincipal   = "Policy document should not specify a principal."
	textLegacy      = "The policy failed legacy parsing"
	textSid         = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	textSidTwice    = "Statement IDs (SID) in a single policy must be unique."
	textNoActions   = "Policy statement must contain actions."
	textNoResources = "Policy statement must contain resources."
	textVendor      = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	textOneColon    = "Actions/Condition can contain only one colon."
	textBadVendor   = "Vendor %s is not valid"
	textARN         = `Resource %s must be in ARN format or "*".`
	textPartition   = `Partition "%s" is not valid for resource "%s".`
	textQualified   = "Resource vendor must be fully qualified and cannot contain regexes."
	textIAMPath     = `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`
	textIAMRegion   = "IAM resource %s cannot contain region information."
	textS3Region    = "Resource %s can not contain region information."
	textTrustAction = "AssumeRole policy may only specify STS AssumeRole actions."
	textProhibited  = "Has prohibited field %s"
	textMissing     = "Missing required field %s"
	textUnknown     = "Unknown field %s"
	textNoPrincipal = `Invalid principal in policy: "%s":"%s"`
)

// stage orders faults as IAM looks for them: the first stage with a fault names it.
type stage int

const (
	atSyntax stage = iota
	atVersion
	atPrincipal
	atLegacy
	atSids
	atNoAction
	atResource
	atAction
	atNoResource
)
