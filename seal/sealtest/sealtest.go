// Package sealtest gives tests the keys that a database is sealed under.
package sealtest

import (
	"bytes"
	"testing"

	"slipway/seal"
	"slipway/store"
)

// Keys opens the keys of a test's database, under a master key that is the same every time.
func Keys(t testing.TB, db *store.DB) *seal.Keys {
	t.Helper()
	return KeysUnder(t, db, Master('m'))
}

// KeysUnder opens the keys of a test's database under a master key of the test's own.
func KeysUnder(t testing.TB, db *store.DB, master seal.Master) *seal.Keys {
	t.Helper()
	keys, err := seal.Open(t.Context(), db, seal.Fixed(master, "test"), "test:"+t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Master is a master key made of one letter.
func Master(letter byte) seal.Master {
	m, err := seal.NewMaster(bytes.Repeat([]byte{letter}, seal.MasterSize))
	if err != nil {
		panic(err)
	}
	return m
}
