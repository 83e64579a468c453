package seal_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"slipway/internal/errs"
	"slipway/seal"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

func TestSecretIsReadOnlyWithTheMasterKey(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.keep("a", "hush hush")
		r.keep("b", "hush hush")
		r.has(map[string]string{"a": "hush hush", "b": "hush hush"})
		if sealed := r.sealed("a"); bytes.Contains(sealed, []byte("hush")) {
			t.Error("the secret is in the database in plain")
		}
		again := newRoom(t, r.db, sealtest.Keys(t, r.db))
		again.has(map[string]string{"a": "hush hush"})

		_, err := seal.Open(t.Context(), r.db, seal.Fixed(sealtest.Master('x'), "file elsewhere"), "other:/data")
		wantErr(t, err, seal.ErrMasterKey)
		for _, word := range []string{"file elsewhere", sealtest.Master('x').Mark(), sealtest.Master('m').Mark()} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("error %q does not name %s", err, word)
			}
		}
	})
}

// Whatever is done to a seal, it opens as what was sealed or not at all.
func TestSealOpensOnlyAsItWasMade(t *testing.T) {
	db := storetest.SQLite(t)
	r := newRoom(t, db, sealtest.Keys(t, db))
	other, err := r.keys.Column(t.Context(), "notes", "id", "other")
	check(t, err)
	rapid.Check(t, func(t *rapid.T) {
		id, secret := rapid.String().Draw(t, "id"), rapid.SliceOf(rapid.Byte()).Draw(t, "secret")
		var sealed []byte
		err := db.Update(context.Background(), func(tx *store.Tx) (err error) {
			sealed, err = r.secrets.Seal(tx, secret, id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := r.secrets.Open(context.Background(), sealed, id); err != nil || !bytes.Equal(plain, secret) {
			t.Fatalf("opened as %q, %v, want %q", plain, err, secret)
		}
		refused := func(what string, column *seal.Column, sealed []byte, id string) {
			plain, err := column.Open(context.Background(), sealed, id)
			if err == nil || errs.KindOf(err) != errs.Internal || plain != nil {
				t.Errorf("a seal that was %s opened as %q, %v", what, plain, err)
			}
		}
		refused("moved to another row", r.secrets, sealed, id+"x")
		refused("moved to another column", other, sealed, id)
		const head = 9 // what names the key: other ones are another test
		refused("cut", r.secrets, sealed[:rapid.IntRange(head, len(sealed)-1).Draw(t, "length")], id)
		refused("made longer", r.secrets, append(bytes.Clone(sealed), 0), id)
		flipped := bytes.Clone(sealed)
		flipped[rapid.IntRange(head, len(sealed)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		refused("flipped", r.secrets, flipped, id)
	})
}

func TestWhatIsNoSeal(t *testing.T) {
	db := storetest.SQLite(t)
	r := newRoom(t, db, sealtest.Keys(t, db))
	for _, bad := range []string{"", "\x00", "\x01", "\x01abc", "\x02", "\x02abcdefg", "\x03abcdefghijklmnop", "plain text"} {
		_, err := r.secrets.Open(t.Context(), []byte(bad), "a")
		wantErr(t, err, seal.ErrDamaged)
	}
}

func TestUnknownKeyIsSaid(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.keep("a", "secret")
		sealed := r.sealed("a")
		sealed[1] ^= 1
		_, err := r.secrets.Open(t.Context(), sealed, "a")
		wantErr(t, err, seal.ErrNoKey)
		if err != nil && !strings.Contains(err.Error(), "notes/sealed/a") {
			t.Errorf("error %q does not say where", err)
		}
	})
}

// A key that another server made is learned when a seal names it, and when it is the one to seal with.
func TestServersLearnEachOthersKeys(t *testing.T) {
	each(t, func(t *testing.T, one *room) {
		two := newRoom(t, one.db, sealtest.Keys(t, one.db)) // knows no keys: none are made yet
		three := newRoom(t, one.db, sealtest.Keys(t, one.db))
		one.keep("a", "from one")
		two.has(map[string]string{"a": "from one"})
		three.keep("b", "from three")
		if n := one.count(`select count(*) from seal_keys`); n != 1 {
			t.Errorf("%d data keys, want one for all", n)
		}
		one.has(map[string]string{"b": "from three"})
	})
}

func TestFirstSealsOfManyShareOneKey(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		var all sync.WaitGroup
		for i := range 8 {
			server := newRoom(t, r.db, sealtest.Keys(t, r.db))
			all.Go(func() {
				if err := server.put(fmt.Sprint(i), "secret"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := r.count(`select count(*) from seal_keys`); n != 1 {
			t.Errorf("%d data keys, want 1", n)
		}
		for i := range 8 {
			r.has(map[string]string{fmt.Sprint(i): "secret"})
		}
	})
}

// Two servers that start on an empty database with a master key each: the second to seal is refused.
func TestSecondMasterKeyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, one *room) {
		two := newRoom(t, one.db, sealtest.KeysUnder(t, one.db, sealtest.Master('x')))
		one.keep("a", "secret")
		wantErr(t, two.put("b", "secret"), seal.ErrMasterKey)
		_, err := two.get("a")
		wantErr(t, err, seal.ErrMasterKey)
	})
}

// A first key whose transaction was rolled back is not there for anybody.
func TestFirstKeyOfAFailedTransaction(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		failed := errors.New("failed")
		err := r.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := r.secrets.Seal(tx, []byte("secret"), "a")
			return errors.Join(err, failed)
		})
		wantErr(t, err, failed)
		r.keep("a", "secret")
		again := newRoom(t, r.db, sealtest.Keys(t, r.db))
		again.has(map[string]string{"a": "secret"})
	})
}

func TestColumnNamesAreNames(t *testing.T) {
	db := storetest.SQLite(t)
	keys := sealtest.Keys(t, db)
	for _, bad := range []string{"", "a b", "notes;", "Notes", "1a", `a"`, "a/b"} {
		_, err := keys.Column(t.Context(), bad, "id", "sealed")
		wantErr(t, err, seal.ErrColumn)
	}
}

func TestNoVerbShowsAKey(t *testing.T) {
	m := sealtest.Master('k')
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb, m); strings.Contains(text, "kkkk") || strings.Contains(text, "6b6b") || strings.Contains(text, "107") {
			t.Errorf("%s shows %s", verb, text)
		}
	}
	if fmt.Sprint(m) != "master key "+m.Mark() {
		t.Errorf("printed as %v", m)
	}
}

// oldSeal was made by the version before data keys, under the master key of 32 letters m.
func oldSeal(t testing.TB) []byte {
	t.Helper()
	sealed, err := hex.DecodeString("014c12e93606c07b4f7080e159cb24ccf4ea9a0c32d6c11e2afb5434b26d55e17408c97f9b0e956c4b2eb44b41dc")
	check(t, err)
	return sealed
}

const oldID = "AKIAOLDOLDOLDOLDOLD2"

func TestOldDataFolderKeepsWorking(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.store(oldID, oldSeal(t))
		r.has(map[string]string{oldID: "an old secret"})
		r.store("moved", oldSeal(t))
		_, err := r.get("moved")
		wantErr(t, err, seal.ErrDamaged)
		if n := r.count(`select count(*) from seal_keys`); n != 0 {
			t.Errorf("reading made %d keys", n)
		}
	})
	t.Run("under another master key", func(t *testing.T) {
		db := storetest.SQLite(t)
		r := newRoom(t, db, sealtest.KeysUnder(t, db, sealtest.Master('x')))
		r.store(oldID, oldSeal(t))
		_, err := r.get(oldID)
		wantErr(t, err, seal.ErrMasterKey)
		if err != nil && !strings.Contains(err.Error(), oldID) {
			t.Errorf("error %q does not name %s", err, oldID)
		}
	})
}
