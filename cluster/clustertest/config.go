package clustertest

import (
	"testing"

	"slipway/cluster"
	"slipway/store"
)

// NewWithConfig is New with a configuration of the test's own, made from what New would take.
func NewWithConfig(t testing.TB, db *store.DB, change func(*cluster.Config)) *cluster.Control {
	t.Helper()
	roles := NewRoles()
	config := cluster.Config{
		Account: Account, Region: Region, Registry: "127.0.0.1:4600", Images: &Images{}, Logs: &Logs{}, Roles: roles, Vault: roles.Vault,
	}
	change(&config)
	c, err := cluster.New(t.Context(), db, config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
