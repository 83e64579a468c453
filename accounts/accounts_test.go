package accounts

import (
	"bytes"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"

	"slipway/events"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const us = "123456789012"

func open(t testing.TB, db *store.DB) *Control {
	t.Helper()
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	c, err := New(t.Context(), db, sealtest.Keys(t, db))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bootstrap(t testing.TB, c *Control, id string) Key {
	t.Helper()
	key, err := c.Bootstrap(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestFirstStartMakesRootAndLaterOnesFindIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		first := bootstrap(t, open(t, db), us)
		if first.Owner != Root(us) || len(first.Secret) != 40 {
			t.Errorf("made %+v", first)
		}
		for _, id := range []string{us, ""} {
			if again := bootstrap(t, open(t, db), id); again != first {
				t.Errorf("started again with account %q: key %+v, want %+v", id, again, first)
			}
		}
		a, err := open(t, db).Account(t.Context(), us)
		if err != nil || a.State != StateActive || a.Created.IsZero() {
			t.Errorf("account is %+v, %v", a, err)
		}
	})
}

func TestServersThatStartAtOnceShareOneRoot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		keys := make([]Key, 6)
		var all sync.WaitGroup
		for i := range keys {
			all.Go(func() {
				var err error
				if keys[i], err = c.Bootstrap(t.Context(), us); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, key := range keys {
			if key != keys[0] {
				t.Errorf("two root keys: %s and %s", keys[0].ID, key.ID)
			}
		}
	})
}

func TestDataOfAnotherAccountIsRefusedByBothNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		bootstrap(t, c, us)
		_, err := c.Bootstrap(t.Context(), "999999999999")
		if !errors.Is(err, ErrOtherAccount) || !strings.Contains(err.Error(), us) || !strings.Contains(err.Error(), "999999999999") {
			t.Errorf("error %v", err)
		}
		if _, err := c.Bootstrap(t.Context(), "12345"); !errors.Is(err, ErrAccountID) {
			t.Errorf("a short id: error %v", err)
		}
	})
}

func TestRootWithoutAKeyGetsANewOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		old := bootstrap(t, c, us)
		if err := c.DeleteKey(t.Context(), us, old.ID); err != nil {
			t.Fatal(err)
		}
		if key := bootstrap(t, c, us); key.ID == old.ID {
			t.Error("the deleted key came back")
		}
	})
}

func TestSecretsAreNotInTheDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		key := bootstrap(t, c, us)
		err := db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Each(`select id, account, owner, sealed, status from access_keys`, nil, func(r *sql.Rows) error {
				columns := make([][]byte, 5)
				err := r.Scan(&columns[0], &columns[1], &columns[2], &columns[3], &columns[4])
				if bytes.Contains(bytes.Join(columns, nil), []byte(key.Secret)) {
					t.Error("the secret is in its row in plain")
				}
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestAuthorize(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	user := Principal{Type: TypeUser, Account: us, ARN: "arn:aws:iam::123456789012:user/ann", UserID: "AIDA1", Entity: "AIDA1"}
	for _, try := range []struct {
		who      Principal
		resource string
		allowed  bool
	}{
		{Root(us), "arn:aws:ecs:us-east-1:123456789012:task/web/1", true},
		{Root(us), "*", true},
		{Root(us), "arn:aws:apigateway:us-east-1::/apis", true},
		{Root(us), "arn:aws:ecs:us-east-1:999999999999:task/web/1", false},
		{Root(us), "task/web/1", false},
		{Root(us), "", false},
		{user, "arn:aws:ecs:us-east-1:123456789012:task/web/1", false},
		{user, "*", false},
		{Principal{}, "*", false},
	} {
		err := c.Authorize(t.Context(), &try.who, &Request{Action: "ecs:RunTask", Resource: try.resource})
		if (err == nil) != try.allowed {
			t.Errorf("%s on %q: %v", try.who.ARN, try.resource, err)
		}
		if err != nil && !errors.Is(err, ErrDenied) {
			t.Errorf("%s on %q: error %v is no denial", try.who.ARN, try.resource, err)
		}
	}
	const sentence = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: ecs:RunTask on resource: * because no identity-based policy allows the ecs:RunTask action"
	if err := c.Authorize(t.Context(), &user, &Request{Action: "ecs:RunTask", Resource: "*"}); err.Error() != sentence {
		t.Errorf("denied with: %v", err)
	}
}
