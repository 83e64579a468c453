package registry_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/registry"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const ann = "arn:aws:iam::123456789012:user/ann"

func TestTokenTellsWhoMayWhat(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		scope := registry.Scope{Repositories: []string{"web"}, Actions: []registry.Action{registry.ActionPull}}
		token, expires, err := k.Token(registry.Login{Account: account, Principal: ann, Scope: scope})
		check(t, err)
		l, err := k.Verify(token)
		check(t, err)
		if l.Account != account || l.Principal != ann || !l.Expires.Equal(expires) || l.Region != "us-east-1" {
			t.Errorf("login %+v", l)
		}
		if life := time.Until(expires); life > registry.TokenLife || life < registry.TokenLife-time.Minute {
			t.Errorf("good for %v", life)
		}
		for a, want := range map[registry.Action]bool{registry.ActionPull: true, registry.ActionPush: false} {
			if l.Allows(a, account, "web") != want || l.Allows(a, account, "api") || l.Allows(a, "999999999999", "web") {
				t.Errorf("scope %+v and %s", l.Scope, a)
			}
		}
		if !(registry.Login{}).Allows(registry.ActionDelete, account, "any") {
			t.Error("no scope is every scope")
		}
	})
}

// A scope may be on another account's repositories: what its principal may do there is asked elsewhere.
func TestScopesOnOtherAccounts(t *testing.T) {
	const other = "999999999999"
	for _, c := range []struct {
		scope      registry.Scope
		registry   string
		ours, them bool // web allowed
	}{
		{registry.Scope{}, account, true, true},
		{registry.Scope{Repositories: []string{"web"}}, account, true, false},
		{registry.Scope{Account: other}, other, false, true},
		{registry.Scope{Account: other, Repositories: []string{"web"}}, other, false, true},
		{registry.Scope{Account: other, Repositories: []string{"api"}}, other, false, false},
	} {
		l := registry.Login{Account: account, Scope: c.scope}
		if l.Registry() != c.registry || l.Allows(registry.ActionPull, account, "web") != c.ours || l.Allows(registry.ActionPull, other, "web") != c.them {
			t.Errorf("%+v is for %s, ours %v, theirs %v", c.scope, l.Registry(), l.Allows(registry.ActionPull, account, "web"), l.Allows(registry.ActionPull, other, "web"))
		}
	}
}

func TestTokenKeepsWhoAskedForIt(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		l, err := k.Verify(k.token(registry.Login{Account: account, Principal: ann, Key: "AKIAEXAMPLE"}))
		if err != nil || l.Key != "AKIAEXAMPLE" || l.Principal != ann {
			t.Errorf("login %+v, %v", l, err)
		}
	})
}

func TestTokenThatIsNotGood(t *testing.T) {
	db := storetest.SQLite(t)
	k := newKit(t, db)
	good := k.token(registry.Login{Account: account})
	part := strings.Split(good, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"acc":"999999999999","reg":"us-east-1","exp":"2999-01-01T00:00:00Z"}`))
	elsewhere, err := registry.New(t.Context(), db, sealtest.Keys(t, db), k.blobs, "eu-west-1")
	check(t, err)
	fromElsewhere, _, err := elsewhere.Token(registry.Login{Account: account})
	check(t, err)

	for name, token := range map[string]string{
		"empty":         "",
		"no token":      "password",
		"altered":       strings.Join([]string{part[0], part[1], forged, part[3]}, "."),
		"cut":           good[:len(good)-2],
		"other key":     newKit(t, storetest.SQLite(t)).token(registry.Login{Account: account}),
		"other region":  fromElsewhere,
		"other version": strings.Replace(good, "slipway1", "slipway0", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Verify(token)
			wantErr(t, err, registry.ErrToken)
		})
	}
	_, err = k.Verify(k.token(registry.Login{Account: account, Expires: time.Now().Add(-time.Second)}))
	wantErr(t, err, registry.ErrTokenExpired)
}

func (k kit) token(l registry.Login) string {
	k.t.Helper()
	token, _, err := k.Token(l)
	check(k.t, err)
	return token
}

func TestTokenIsNeverGoodForLonger(t *testing.T) {
	k := newKit(t, storetest.SQLite(t))
	_, expires, err := k.Token(registry.Login{Expires: time.Now().AddDate(1, 0, 0)})
	if life := time.Until(expires); err != nil || life > registry.TokenLife {
		t.Errorf("good for %v, error %v", life, err)
	}
}

func TestOlderKeysStillVerify(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db)
		old := k.token(registry.Login{Account: account})
		check(t, db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`insert into registry_keys (id, secret, created) values ($1, $2, $3)`,
				"new", []byte("0123456789abcdef0123456789abcdef"), store.Micros(tx.Now)+1)
			return err
		}))
		again := newKit(t, db)
		if _, err := again.Verify(old); err != nil {
			t.Errorf("a token of the older key: %v", err)
		}
		if token := again.token(registry.Login{}); !strings.HasPrefix(token, "slipway1.new.") {
			t.Errorf("%s is not signed by the newest key", token)
		}
	})
}

// A key that an older version left plain verifies as it did, and is plain no more.
func TestPlainKeyIsSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		secret := []byte("0123456789abcdef0123456789abcdef")
		k := newKit(t, db)
		check(t, db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update registry_keys set secret = $1, sealed = null`, secret)
			return err
		}))
		old := newKit(t, db)
		token := old.token(registry.Login{Account: account})
		if _, err := k.Verify(token); err == nil {
			t.Error("the plain key was not taken: the test shows nothing")
		}
		if _, err := newKit(t, db).Verify(token); err != nil {
			t.Errorf("the next start: %v", err)
		}
		var plain, sealed []byte
		check(t, db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Row(`select secret, sealed from registry_keys`).Scan(&plain, &sealed)
		}))
		if len(plain) > 0 || len(sealed) == 0 || bytes.Contains(sealed, secret) {
			t.Errorf("in the table: %q and %q", plain, sealed)
		}
	})
}

func FuzzVerify(f *testing.F) {
	k := newKit(f, storetest.SQLite(f))
	token, _, err := k.Token(registry.Login{Account: account})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("")
	f.Add("slipway1...")
	f.Add(fmt.Sprint(token, "x"))
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := k.Verify(s); err == nil && s != token {
			t.Errorf("%q is taken as %+v", s, l)
		}
	})
}
