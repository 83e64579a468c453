package accounts

import (
	"context"

	"slipway/internal/arn"
)

// Authorize returns nil if who may do action ("ecs:RunTask") on resource (an ARN, or "*"), and
// otherwise a DenialError. The root of an account may do everything to what is its own, and
// nobody else may do anything. A resource whose ARN names no account is the caller's own.
func (c *Control) Authorize(_ context.Context, who Principal, action, resource string) error {
	if who.Account != "" && who == Root(who.Account) && ownedBy(who.Account, resource) {
		return nil
	}
	return &DenialError{Who: who, Action: action, Resource: resource}
}

func ownedBy(account, resource string) bool {
	if resource == "*" {
		return true
	}
	a, err := arn.Parse(resource)
	return err == nil && (a.Account == "" || a.Account == account)
}
