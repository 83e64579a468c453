// Package nodes knows which machines may be nodes, and of whose cluster: they come by an invitation,
// whose token admits as many as it says, and stay by a certificate that they renew.
//
// It knows nothing of what a node runs.
package nodes

import (
	"context"
	"crypto/tls"
	"embed"
	"io/fs"
	"sync"
	"time"

	"slipway/internal/loop"
	"slipway/seal"
	"slipway/store"
)

//go:embed schema
var schema embed.FS

// topic is touched whenever another node may come, or one may not any more.
const topic = "nodes"

// Control is who may be a node.
type Control struct {
	db        *store.DB
	authority *authority

	mu    sync.Mutex
	known map[string]member // by node id; nil: to be read
	age   uint64            // counts how often known was dropped
}

// New brings the tables up to date, and makes the authority at the first start.
func New(ctx context.Context, db *store.DB, keys *seal.Keys) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "nodes", files); err != nil {
		return nil, err
	}
	a, err := openAuthority(ctx, db, keys)
	return &Control{db: db, authority: a}, err
}

// Run keeps what is known of nodes up to date, and forgets invitations that are over, until ctx ends.
func (c *Control) Run(ctx context.Context) {
	wake, stop := c.db.Watch(topic)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { loop.Run(ctx, "nodes", 10*time.Second, wake, c.forgetKnown) })
	running.Go(func() { loop.Run(ctx, "node invitations", time.Hour, nil, c.forgetInvitations) })
	running.Wait()
}

// TLS is how the control plane meets its nodes. Who shows no certificate can only join.
func (c *Control) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: c.authority.serverCertificate,
		ClientAuth:     tls.VerifyClientCertIfGiven,
		ClientCAs:      c.authority.pool,
	}
}
