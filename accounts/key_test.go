package accounts

import (
	"errors"
	"testing"

	"slipway/store"
	"slipway/store/storetest"
)

func TestKeyIsKnownUntilItIsDeleted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		team, err := c.CreateAccount(t.Context(), "team")
		if err != nil {
			t.Fatal(err)
		}
		key, err := c.CreateKey(t.Context(), team.ID)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // read, then remembered
			if got, err := c.Key(t.Context(), key.ID); err != nil || got != key {
				t.Errorf("key is %+v, %v, want %+v", got, err, key)
			}
		}
		if err := c.DeleteKey(t.Context(), us, key.ID); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("another account deleted it: %v", err)
		}
		if err := c.DeleteKey(t.Context(), team.ID, key.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Key(t.Context(), key.ID); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("after its deletion: error %v", err)
		}
	})
}

func TestKeyOfAClosedAccountIsUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		key := bootstrap(t, c, us)
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update accounts set state = 'closed' where id = $1`, us)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Key(t.Context(), key.ID); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("error %v", err)
		}
	})
}

func TestKeyOfNoAccountIsNotMade(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	if _, err := c.CreateKey(t.Context(), us); !errors.Is(err, ErrNoAccount) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsNoKeyIDIsNotLookedUp(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	c.keys = nil // whoever looks anything up panics
	for _, id := range []string{"", "AKIA", "akiaaaaaaaaaaaaaaaaa", "AKIA0000000000000000", "AKIAAAAAAAAAAAAAAAAAA", "AROAAAAAAAAAAAAAAAAA", "AKIA' or 1=1 --AAAAA"} {
		if _, err := c.Key(t.Context(), id); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%q: error %v", id, err)
		}
	}
}
