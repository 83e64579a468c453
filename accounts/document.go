package accounts

import (
	"slipway/accounts/policy"
	"slipway/internal/errs"
)

// How long policies may be, white space not counted; of inline policies all those of their holder
// together. Source: IAM User Guide, "IAM and AWS STS quotas".
const (
	ManagedSize = 6144
	UserSize    = 2048
	GroupSize   = 5120
	RoleSize    = 10240
)

// inlineSizes are the quotas of inline policies.
var inlineSizes = map[Kind]int{KindUser: UserSize, KindGroup: GroupSize, KindRole: RoleSize}

// checkManaged refuses what can not be a managed policy: ErrMalformed, ErrQuota.
func checkManaged(document string) error {
	if err := checkGrants(document); err != nil {
		return err
	}
	if policy.Size(document) > ManagedSize {
		return overQuota("PolicySize", ManagedSize)
	}
	return nil
}

// checkGrants refuses what can not be a policy of a user, group or role. ErrMalformed begins with
// AWS's sentence, and goes on with the place.
func checkGrants(document string) error {
	if _, err := policy.Parse(document, policy.Identity); err != nil {
		return errs.Say(ErrMalformed, "%v", err)
	}
	return nil
}
