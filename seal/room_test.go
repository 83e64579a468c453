package seal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"

	"slipway/seal"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

// room is a room that keeps secrets, as others do.
type room struct {
	t       testing.TB
	db      *store.DB
	keys    *seal.Keys
	secrets *seal.Column
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// each runs a test on both databases, with a room whose keys are under master key m.
func each(t *testing.T, test func(*testing.T, *room)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newRoom(t, db, sealtest.Keys(t, db))) })
}

var notes = fstest.MapFS{"0001_notes.sql": {Data: []byte(`create table notes (id text primary key, sealed bytea, other bytea)`)}}

func newRoom(t testing.TB, db *store.DB, keys *seal.Keys) *room {
	t.Helper()
	check(t, db.Migrate(t.Context(), "notes", notes))
	secrets, err := keys.Column(t.Context(), "notes", "id", "sealed")
	check(t, err)
	return &room{t, db, keys, secrets}
}

// put seals a secret and stores it, in one transaction.
func (r *room) put(id, secret string) error {
	return r.db.Update(context.Background(), func(tx *store.Tx) error {
		sealed, err := r.secrets.Seal(tx, []byte(secret), id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`insert into notes (id, sealed) values ($1, $2) on conflict (id) do update set sealed = excluded.sealed`, id, sealed)
		return err
	})
}

func (r *room) keep(id, secret string) {
	r.t.Helper()
	check(r.t, r.put(id, secret))
}

// sealed is what the database has in a row.
func (r *room) sealed(id string) (sealed []byte) {
	r.t.Helper()
	check(r.t, r.db.View(r.t.Context(), func(tx *store.Tx) error {
		return tx.Row(`select sealed from notes where id = $1`, id).Scan(&sealed)
	}))
	return sealed
}

// store puts bytes where a seal should be.
func (r *room) store(id string, sealed []byte) {
	r.t.Helper()
	check(r.t, r.db.Update(r.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into notes (id, sealed) values ($1, $2)`, id, sealed)
		return err
	}))
}

func (r *room) get(id string) (string, error) {
	r.t.Helper()
	secret, err := r.secrets.Open(r.t.Context(), r.sealed(id), id)
	return string(secret), err
}

// has holds the secrets against what they were.
func (r *room) has(want map[string]string) {
	r.t.Helper()
	for id, secret := range want {
		if got, err := r.get(id); err != nil || got != secret {
			r.t.Errorf("secret of %s is %q, %v, want %q", id, got, err, secret)
		}
	}
}

// count asks the database for a number.
func (r *room) count(query string, args ...any) (n int) {
	r.t.Helper()
	check(r.t, r.db.View(r.t.Context(), func(tx *store.Tx) error { return tx.Row(query, args...).Scan(&n) }))
	return n
}

// fill keeps n secrets, and says which.
func (r *room) fill(n int) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	check(r.t, r.db.Update(r.t.Context(), func(tx *store.Tx) error {
		for i := range n {
			id, secret := fmt.Sprintf("note-%04d", i), fmt.Sprintf("secret %d", i)
			sealed, err := r.secrets.Seal(tx, []byte(secret), id)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`insert into notes (id, sealed) values ($1, $2)`, id, sealed); err != nil {
				return err
			}
			all[id] = secret
		}
		return nil
	}))
	return all
}
