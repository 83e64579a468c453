package server

import (
	"context"
	"errors"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/oci"
)

// access lets the doors ask the accounts room who calls and what they may do.
type access struct{ accounts *accounts.Control }

// Lookup satisfies awswire.Authenticator. There are no temporary credentials yet, so no
// session token is ever right.
func (a access) Lookup(ctx context.Context, accessKeyID, sessionToken string) (string, awswire.Caller, error) {
	key, err := a.accounts.Key(ctx, accessKeyID)
	switch {
	case errors.Is(err, accounts.ErrUnknownKey):
		return "", awswire.Caller{}, awswire.ErrUnknownKey
	case err != nil:
		return "", awswire.Caller{}, err
	case sessionToken != "":
		return "", awswire.Caller{}, awswire.ErrBadToken
	}
	who := awswire.Caller{Account: key.Owner.Account, ARN: key.Owner.ARN, UserID: key.Owner.UserID, AccessKeyID: key.ID, Principal: &key.Owner}
	return key.Secret, who, nil
}

// Authorize satisfies awswire.Authorizer.
func (a access) Authorize(ctx context.Context, r *awswire.Request) error {
	err := a.accounts.Authorize(ctx, r.Who.Principal.(*accounts.Principal), &accounts.Request{
		Action: r.Action, Resource: r.Resource, Shown: r.Ask.Shown, Values: r.Values, Policy: r.Policy,
	})
	if errors.Is(err, accounts.ErrDenied) {
		return awswire.Denied(err.Error())
	}
	return err
}

// registryAccess lets the registry's door ask the same of the holder of a login token.
type registryAccess struct{ accounts *accounts.Control }

// Authorize satisfies oci.Access.
func (a registryAccess) Authorize(ctx context.Context, who oci.Caller, action, resource string) error {
	root := accounts.Root(who.Account)
	return a.accounts.Authorize(ctx, &root, &accounts.Request{Action: action, Resource: resource})
}
