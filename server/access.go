package server

import (
	"context"
	"errors"
	"fmt"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/oci"
	"slipway/registry"
)

// access lets the doors ask the accounts room who calls and what they may do.
type access struct{ accounts *accounts.Control }

// Lookup satisfies awswire.Authenticator. That a session has expired is told only to those who have
// its token.
func (a access) Lookup(ctx context.Context, accessKeyID, sessionToken string) (string, awswire.Caller, error) {
	key, err := a.accounts.Key(ctx, accessKeyID)
	expired := errors.Is(err, accounts.ErrExpired)
	switch {
	case errors.Is(err, accounts.ErrUnknownKey):
		return "", awswire.Caller{}, awswire.ErrUnknownKey
	case err != nil && !expired:
		return "", awswire.Caller{}, err
	case !key.TokenIs(sessionToken):
		return "", awswire.Caller{}, awswire.ErrBadToken
	case expired:
		return "", awswire.Caller{}, awswire.ErrExpiredToken
	}
	who := awswire.Caller{Account: key.Owner.Account, ARN: key.Owner.ARN, UserID: key.Owner.UserID, AccessKeyID: key.ID, Principal: &key.Owner}
	return key.Secret, who, nil
}

// Authorize satisfies awswire.Authorizer.
func (a access) Authorize(ctx context.Context, r *awswire.Request) error {
	asked := &accounts.Request{Action: r.Action, Resource: r.Resource, Shown: r.Ask.Shown, Values: r.Values, Policy: r.Policy}
	var err error
	if who, signed := r.Who.Principal.(*accounts.Principal); signed {
		err = a.accounts.Authorize(ctx, who, asked)
	} else {
		err = a.accounts.AuthorizeAnonymous(ctx, asked)
	}
	if errors.Is(err, accounts.ErrDenied) {
		return awswire.Denied(err.Error())
	}
	return err
}

// registryAccess lets the registry's door ask the same of the holder of a login token.
type registryAccess struct{ accounts *accounts.Control }

// Check satisfies oci.Access.
func (a registryAccess) Check(ctx context.Context, who oci.Caller) error {
	_, err := a.principal(ctx, who)
	return err
}

// Authorize satisfies oci.Access.
func (a registryAccess) Authorize(ctx context.Context, r *oci.Request) error {
	principal, err := a.principal(ctx, r.Who)
	if err != nil {
		return err
	}
	return a.accounts.Authorize(ctx, &principal, &accounts.Request{Action: r.Action, Resource: r.Resource, Values: r.Values, Policy: r.Policy})
}

// principal is who made a token: whom its access key speaks for, as long as the key is good. A token
// that was made for a node to pull with has no key, and speaks for the account.
func (a registryAccess) principal(ctx context.Context, who oci.Caller) (accounts.Principal, error) {
	if who.AccessKeyID == "" {
		root, err := a.accounts.ActiveRoot(ctx, who.Account)
		return root, tokenError(err)
	}
	key, err := a.accounts.Key(ctx, who.AccessKeyID)
	if err == nil && key.Owner.Account != who.Account {
		err = accounts.ErrUnknownKey
	}
	return key.Owner, tokenError(err)
}

// tokenError is what the end of a key means for the tokens that were made with it.
func tokenError(err error) error {
	switch {
	case errors.Is(err, accounts.ErrExpired):
		return fmt.Errorf("%w: the session that it was made with has ended", registry.ErrTokenExpired)
	case errors.Is(err, accounts.ErrUnknownKey), errors.Is(err, accounts.ErrNoAccount):
		return fmt.Errorf("%w: what it was made with is not valid any more", registry.ErrToken)
	}
	return err
}
