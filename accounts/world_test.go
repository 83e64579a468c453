package accounts

import (
	"context"
	"errors"
	"strings"
	"testing"

	"slipway/store"
)

const them = "210987654321"

// world is a room with two accounts: us, which it was made for, and them.
type world struct {
	*Control
	t    testing.TB
	db   *store.DB
	root Key // of us
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{Control: open(t, db), t: t, db: db}
	w.root = bootstrap(t, w.Control, us)
	w.must(db.Update(t.Context(), func(tx *store.Tx) error { return insertAccount(tx, Account{ID: them, Name: "them"}, false) }))
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ctx() context.Context { return w.t.Context() }

// allow is a policy document that allows actions on everything.
func allow(actions ...string) string { return statement("Allow", actions...) }

func deny(actions ...string) string { return statement("Deny", actions...) }

func statement(effect string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
}

// trust is a trust policy that lets "AWS" principals assume a role, and pass tags and their identity.
func trust(arns ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + strings.Join(arns, `","`) +
		`"]},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
}

func rootARN(account string) string { return Root(account).ARN }

// user makes a user with a policy and a key.
func (w *world) user(account, name, document string) Key {
	w.t.Helper()
	_, err := w.CreateUser(w.ctx(), account, NewUser{Name: name, Path: "/"})
	w.must(err)
	w.inline(account, KindUser, name, document)
	key, _, err := w.CreateUserKey(w.ctx(), account, name)
	w.must(err)
	return key
}

// role makes a role with a policy, and returns its ARN.
func (w *world) role(account, name, trust, document string) string {
	w.t.Helper()
	e, err := w.CreateRole(w.ctx(), account, NewRole{Name: name, Path: "/", Trust: trust})
	w.must(err)
	w.inline(account, KindRole, name, document)
	return e.ARN()
}

func (w *world) inline(account string, kind Kind, name, document string) {
	w.t.Helper()
	if document != "" {
		w.must(w.PutInline(w.ctx(), account, kind, name, InlinePolicy{Name: "p", Document: document}))
	}
}

// who is the principal of a key, which must be good.
func (w *world) who(id string) *Principal {
	w.t.Helper()
	key, err := w.Key(w.ctx(), id)
	w.must(err)
	return &key.Owner
}

// assume assumes a role as the door does: it asks first, and then makes the session.
func (w *world) assume(who *Principal, a Assumption) (Assumed, error) {
	w.t.Helper()
	if a.Name == "" {
		a.Name = "test"
	}
	ask := Request{Action: "sts:AssumeRole", Resource: a.Role, Policy: func() (string, error) {
		role, err := w.TrustedRole(w.ctx(), a.Role)
		return role.Trust, err
	}}
	if err := w.Authorize(w.ctx(), who, &ask); err != nil {
		return Assumed{}, err
	}
	return w.AssumeRole(w.ctx(), who, a)
}

// session is the principal of a session of a role, which must be given.
func (w *world) session(who *Principal, a Assumption) *Principal {
	w.t.Helper()
	got, err := w.assume(who, a)
	w.must(err)
	return w.who(got.AccessKeyID)
}

// may says what Authorize does, on a resource of us.
func (w *world) may(who *Principal, action string) bool {
	w.t.Helper()
	err := w.Authorize(w.ctx(), who, &Request{Action: action, Resource: "arn:aws:ecs:us-east-1:" + us + ":task/web/1"})
	if err != nil && !errors.Is(err, ErrDenied) {
		w.t.Errorf("%s to do %s: %v", who.ARN, action, err)
	}
	return err == nil
}
