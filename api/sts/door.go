// Package sts is the door that tells callers who they are. It knows nothing but what the
// request's signature proved, so it stands in front of no room.
package sts

import (
	"context"

	"slipway/api/awswire"
)

// New returns the door.
func New() *awswire.Service {
	return awswire.NewService(API, nil,
		GetCallerIdentity.HandleOpen(getCallerIdentity),
	)
}

// getCallerIdentity is open to all who signed: not even a policy that denies everything forbids it.
func getCallerIdentity(ctx context.Context, _ *GetCallerIdentityInput) (*GetCallerIdentityOutput, error) {
	who := awswire.CallerOf(ctx)
	return &GetCallerIdentityOutput{Account: &who.Account, Arn: &who.ARN, UserId: &who.UserID}, nil
}
