package server

import (
	"context"
	"errors"
	"fmt"

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
	who := awswire.Caller{Account: key.Owner.Account, ARN: key.Owner.ARN, UserID: key.Owner.UserID, AccessKeyID: key.ID}
	return key.Secret, who, nil
}

// Authorize satisfies awswire.Authorizer.
func (a access) Authorize(ctx context.Context, who awswire.Caller, action, resource string) error {
	err := a.accounts.Authorize(ctx, accounts.Principal{Account: who.Account, ARN: who.ARN, UserID: who.UserID}, action, resource)
	if errors.Is(err, accounts.ErrDenied) {
		return fmt.Errorf("%w: %w", awswire.ErrDenied, err)
	}
	return err
}

// registryAccess lets the registry's door ask the same of the holder of a login token.
type registryAccess struct{ accounts *accounts.Control }

// Authorize satisfies oci.Access.
func (a registryAccess) Authorize(ctx context.Context, who oci.Caller, action, resource string) error {
	return a.accounts.Authorize(ctx, accounts.Principal{Account: who.Account, ARN: who.ARN, UserID: who.UserID}, action, resource)
}
