// Package doortest serves doors to the genuine AWS SDK, for tests: with the keys, sessions and policies of
// a real accounts room, as the server does.
package doortest

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/events"
	"slipway/seal/sealtest"
	"slipway/store"
)

// World is an accounts room whose management account is wiretest.Account, and the doors before it.
type World struct {
	Room *accounts.Control
	Root accounts.Key // of wiretest.Account

	t      testing.TB
	config aws.Config
}

// New makes the room, in a database, and serves what doors returns until the test ends.
func New(t testing.TB, db *store.DB, doors func(*accounts.Control) []*awswire.Service) *World {
	t.Helper()
	Must(t, events.Migrate(t.Context(), db))
	room, err := accounts.New(t.Context(), db, sealtest.Keys(t, db))
	Must(t, err)
	root, err := room.Bootstrap(t.Context(), wiretest.Account)
	Must(t, err)
	gate := gate{room}
	return &World{Room: room, Root: root, t: t, config: wiretest.Serve(t, awswire.Config{Keys: gate, Access: gate}, doors(room)...)}
}

// Mux puts doors behind the keys and policies of the world, for what is not served at its own address.
func (w *World) Mux(doors ...*awswire.Service) *awswire.Mux {
	return w.MuxWith(awswire.Config{}, doors...)
}

// MuxWith is Mux with what else a configuration has.
func (w *World) MuxWith(config awswire.Config, doors ...*awswire.Service) *awswire.Mux {
	gate := gate{w.Room}
	config.Region, config.Keys, config.Access = wiretest.Region, gate, gate
	return awswire.NewMux(config, doors...)
}

// As is what SDK clients need to call as the owner of a key. The token is that of a session, or "".
func (w *World) As(id, secret, token string) aws.Config {
	config := w.config.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
	})
	return config
}

// AsRoot is what SDK clients need to call as the root of wiretest.Account.
func (w *World) AsRoot() aws.Config { return w.As(w.Root.ID, w.Root.Secret, "") }

// User makes a user of an account who may do what a policy document says, none for "", and returns
// what SDK clients need to call as this user.
func (w *World) User(account, name, document string) aws.Config {
	w.t.Helper()
	_, err := w.Room.CreateUser(w.t.Context(), account, accounts.NewUser{Name: name, Path: "/"})
	Must(w.t, err)
	w.allow(account, accounts.KindUser, name, document)
	key, _, err := w.Room.CreateUserKey(w.t.Context(), account, name)
	Must(w.t, err)
	return w.As(key.ID, key.Secret, "")
}

// Role makes a role of an account that may do what a policy document says, none for "", and returns
// its ARN.
func (w *World) Role(account, name, trust, document string) string {
	w.t.Helper()
	role, err := w.Room.CreateRole(w.t.Context(), account, accounts.NewRole{Name: name, Path: "/", Trust: trust})
	Must(w.t, err)
	w.allow(account, accounts.KindRole, name, document)
	return role.ARN()
}

func (w *World) allow(account string, kind accounts.Kind, name, document string) {
	w.t.Helper()
	if document != "" {
		Must(w.t, w.Room.PutInline(w.t.Context(), account, kind, name, accounts.InlinePolicy{Name: "test", Document: document}))
	}
}

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// gate is what the server puts between the wire and the room.
type gate struct{ room *accounts.Control }

// Lookup satisfies awswire.Authenticator.
func (g gate) Lookup(ctx context.Context, id, token string) (string, awswire.Caller, error) {
	key, err := g.room.Key(ctx, id)
	switch expired := errors.Is(err, accounts.ErrExpired); {
	case errors.Is(err, accounts.ErrUnknownKey):
		return "", awswire.Caller{}, awswire.ErrUnknownKey
	case err != nil && !expired:
		return "", awswire.Caller{}, err
	case !key.TokenIs(token):
		return "", awswire.Caller{}, awswire.ErrBadToken
	case expired:
		return "", awswire.Caller{}, awswire.ErrExpiredToken
	}
	p := key.Owner
	return key.Secret, awswire.Caller{Account: p.Account, ARN: p.ARN, UserID: p.UserID, AccessKeyID: id, Principal: &p}, nil
}

// Authorize satisfies awswire.Authorizer.
func (g gate) Authorize(ctx context.Context, r *awswire.Request) error {
	asked := &accounts.Request{Action: r.Action, Resource: r.Resource, Shown: r.Ask.Shown, Values: r.Values, Policy: r.Policy}
	var err error
	if who, signed := r.Who.Principal.(*accounts.Principal); signed {
		err = g.room.Authorize(ctx, who, asked)
	} else {
		err = g.room.AuthorizeAnonymous(ctx, asked)
	}
	if errors.Is(err, accounts.ErrDenied) {
		return awswire.Denied(err.Error())
	}
	return err
}
