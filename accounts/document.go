package accounts

import "slipway/accounts/policy"

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
	if _, err := parsePolicy(document, policy.Identity); err != nil {
		return err
	}
	if policy.Size(document) > ManagedSize {
		return overQuota("PolicySize", ManagedSize)
	}
	return nil
}
