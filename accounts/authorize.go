package accounts

import (
	"context"

	"slipway/internal/arn"
)

// Request is what a principal wants to do.
type Request struct {
	Action   string                                      // "ecs:RunTask"
	Resource string                                      // an ARN, or "*"
	Values   func(key string) (values []string, ok bool) // condition keys of the request, asked in lower case; nil: it has none
	Policy   func() (string, error)                      // the policy of the resource itself, "" if it has none; nil: none
}

// Authorize returns nil if who may do what the request says, and otherwise a DenialError. A
// resource whose ARN names no account is the principal's own.
func (c *Control) Authorize(_ context.Context, who *Principal, r *Request) error {
	if who.Type == TypeRoot && ownedBy(who.Account, r.Resource) {
		return nil
	}
	return &DenialError{Who: *who, Action: r.Action, Resource: r.Resource}
}

func ownedBy(account, resource string) bool {
	if resource == "*" {
		return true
	}
	a, err := arn.Parse(resource)
	return err == nil && (a.Account == "" || a.Account == account)
}
