// Package sts is the door of the accounts room that tells callers who they are, and gives them
// short-lived credentials. It holds no state.
package sts

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

type door struct{ room *accounts.Control }

// New returns the door of the room.
func New(c *accounts.Control) *awswire.Service {
	d := &door{c}
	return awswire.NewService(API, faults,
		AssumeRole.Handle(d.assumeRole, d.onAssumeRole),
		GetAccessKeyInfo.Handle(d.getAccessKeyInfo, awswire.Any),
		GetCallerIdentity.HandleOpen(getCallerIdentity),
		GetSessionToken.HandleOpen(d.getSessionToken),
	)
}

// caller is who signed the request.
func caller(ctx context.Context) *accounts.Principal {
	who := awswire.CallerOf(ctx)
	if p, ok := who.Principal.(*accounts.Principal); ok {
		return p
	}
	root := accounts.Root(who.Account)
	return &root
}

// getCallerIdentity is open to all who signed: not even a policy that denies everything forbids it.
func getCallerIdentity(ctx context.Context, _ *GetCallerIdentityInput) (*GetCallerIdentityOutput, error) {
	who := awswire.CallerOf(ctx)
	return &GetCallerIdentityOutput{Account: &who.Account, Arn: &who.ARN, UserId: &who.UserID}, nil
}

// getAccessKeyInfo says whose a key is, and not whether it is any good: as on AWS, also of keys of
// other accounts.
func (d *door) getAccessKeyInfo(ctx context.Context, in *GetAccessKeyInfoInput) (*GetAccessKeyInfoOutput, error) {
	account, err := d.room.KeyAccount(ctx, in.AccessKeyId)
	return &GetAccessKeyInfoOutput{Account: &account}, err
}
