package accounts

import (
	"errors"
	"sync"
	"testing"

	"slipway/store"
	"slipway/store/storetest"
)

func TestAUserHasTwoKeysHoweverManyAreMadeAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		makeUser(t, c, us, "ann")
		makeUser(t, c, other, "ann")
		errs := make([]error, 6)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, _, errs[i] = c.CreateUserKey(t.Context(), us, "ann") })
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else {
				wantSaying(t, err, ErrQuota, "Cannot exceed quota for AccessKeysPerUser: 2")
			}
		}
		keys, _, err := c.Keys(t.Context(), us, "ann", Page{})
		if made != 2 || err != nil || len(keys) != 2 {
			t.Errorf("%d were made, she has %v, %v", made, keys, err)
		}
		if keys, _, err := c.Keys(t.Context(), other, "ann", Page{}); err != nil || len(keys) != 0 {
			t.Errorf("her namesake has %v, %v", keys, err)
		}
	})
}

func TestAKeySpeaksForItsUserWhileItIsSwitchedOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		ctx := t.Context()
		ann := makeUser(t, c, us, "ann")
		makeUser(t, c, us, "bob")
		key, info, err := c.CreateUserKey(ctx, us, "ANN")
		if err != nil || info.User != "ann" || !info.Active || info.Created.IsZero() || len(key.Secret) != 40 {
			t.Fatalf("%+v, %v", info, err)
		}
		for _, active := range []bool{true, false, true} {
			if err := c.SwitchKey(ctx, us, "ann", key.ID, active); err != nil {
				t.Fatal(err)
			}
			got, err := c.Key(ctx, key.ID)
			if active && (err != nil || got.Secret != key.Secret || got.Owner.Entity != ann.ID) {
				t.Errorf("switched on: %v, %v", got, err)
			}
			if !active && !errors.Is(err, ErrUnknownKey) {
				t.Errorf("switched off: %v", err)
			}
			if info, err := c.KeyInfo(ctx, us, key.ID); err != nil || info.Active != active || info.User != "ann" {
				t.Errorf("it is %+v, %v", info, err)
			}
		}
		missing := "The Access Key with id " + key.ID + " cannot be found."
		_, err = c.KeyInfo(ctx, other, key.ID)
		wantSaying(t, err, ErrNoEntity, missing)
		wantSaying(t, c.SwitchKey(ctx, us, "bob", key.ID, false), ErrNoEntity, missing)
		wantSaying(t, c.DeleteUserKey(ctx, us, "", key.ID), ErrNoEntity, missing)
		wantSaying(t, c.DeleteUserKey(ctx, us, "eve", key.ID), ErrNoEntity, "The user with name eve cannot be found.")
		if err := c.DeleteUserKey(ctx, us, "ann", key.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Key(ctx, key.ID); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestRootHasTwoKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		if _, err := c.CreateKey(t.Context(), us); err != nil {
			t.Fatal(err)
		}
		_, err := c.CreateKey(t.Context(), us)
		wantSaying(t, err, ErrQuota, "Cannot exceed quota for AccessKeysPerUser: 2")
		if _, err := c.CreateKey(t.Context(), other); err != nil {
			t.Errorf("of another account: %v", err)
		}
	})
}

func TestAnAliasIsOneAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c, other := pair(t, db)
		ctx := t.Context()
		want := func(account, alias string) {
			t.Helper()
			if got, err := c.Alias(ctx, account); got != alias || err != nil {
				t.Errorf("%s is called %q, %v", account, got, err)
			}
		}
		want(us, "")
		for _, alias := range []string{"sea", "sea", "river"} {
			if err := c.SetAlias(ctx, us, alias); err != nil {
				t.Fatal(err)
			}
			want(us, alias)
		}
		wantSaying(t, c.SetAlias(ctx, other, "river"), ErrEntityExists, "The account alias river already exists.")
		if err := c.SetAlias(ctx, other, "sea"); err != nil {
			t.Errorf("an alias that was given up: %v", err)
		}
		wantSaying(t, c.SetAlias(ctx, us, "sea"), ErrEntityExists, "The account alias sea already exists.")
		want(us, "river")
		wantSaying(t, c.DeleteAlias(ctx, us, "sea"), ErrNoEntity, "The account alias with name sea cannot be found.")
		if err := c.DeleteAlias(ctx, us, "river"); err != nil {
			t.Error(err)
		}
		want(us, "")
	})
}
