// Package clustertest is what tests put around the cluster room: a node that runs
// nothing and says it does, and a registry and logs of a few lines.
//
// It checks nothing by itself.
package clustertest

import (
	"context"
	"sync"
	"testing"

	"slipway/cluster"
	"slipway/nodeapi"
	"slipway/store"
)

// Account and Region are those of every Control made here.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// New makes a Control over an empty database, with images and logs that keep what they are given.
func New(t testing.TB, db *store.DB) (*cluster.Control, *Images, *Logs) {
	t.Helper()
	return NewWithRoles(t, db, NewRoles())
}

// NewWithRoles is New with roles of the test's own.
func NewWithRoles(t testing.TB, db *store.DB, roles *Roles) (*cluster.Control, *Images, *Logs) {
	t.Helper()
	images, logs := &Images{}, &Logs{}
	c, err := cluster.New(t.Context(), db, cluster.Config{
		Account: Account, Region: Region, Registry: "127.0.0.1:4600", Images: images, Logs: logs, Roles: roles, Vault: roles.Vault,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, images, logs
}

// Images is a registry: what is put into it, and nothing else, is its own.
type Images struct{ byName sync.Map }

// Put makes the image called name one of the registry.
func (i *Images) Put(name string, image cluster.Image) { i.byName.Store(name, image) }

// Find implements cluster.Images.
func (i *Images) Find(_ context.Context, _, name string) (cluster.Image, error) {
	image, _ := i.byName.Load(name)
	found, _ := image.(cluster.Image)
	return found, nil
}

// Login implements cluster.Images.
func (*Images) Login(_ context.Context, account string, image cluster.Image) (nodeapi.Login, error) {
	return nodeapi.Login{Username: account, Password: "for " + image.Ref, PlainHTTP: true}, nil
}

// Logs keeps the output it is given, in order.
type Logs struct {
	mu   sync.Mutex
	kept []nodeapi.Output
}

// Write implements cluster.Logs.
func (l *Logs) Write(_ context.Context, _ string, o nodeapi.Output) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, o)
	return o.Next, nil
}

// Kept returns what was written so far.
func (l *Logs) Kept() []nodeapi.Output {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]nodeapi.Output(nil), l.kept...)
}
