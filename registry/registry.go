// Package registry keeps container images: repositories, the manifests and tags in
// them, and the blobs that manifests name. Everything that is asked about is in SQL;
// the blob store holds bytes and is touched only to write new ones and to read them.
//
// A blob is stored once, however many repositories name it, or once for each customer key that repositories
// are sealed with, and answers in a repository only where it was pushed or mounted. A manifest is accepted only when all
// that it needs is there, and nothing that a manifest needs goes before it.
//
// What nobody needs is swept away beside live traffic. The package speaks no wire and asks
// nobody who may do what: its doors do.
package registry

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"slipway/blob"
	"slipway/blob/sealed"
	"slipway/internal/arn"
	"slipway/internal/loop"
	"slipway/seal"
	"slipway/store"
)

// Digest names a manifest or a blob by its content.
type Digest = blob.Digest

// ParseDigest checks a digest, or returns an ErrDigest that says what is wrong with it.
func ParseDigest(s string) (Digest, error) { return blob.ParseDigest(s) }

// End as the offset of Append means: after what the upload has.
const End = blob.End

//go:embed schema
var schema embed.FS

// Control is the registry.
type Control struct {
	db     *store.DB
	blobs  sealed.Inner
	region string
	keys   keyring

	checkPolicy func(text string) error
	sweeping    Sweeping
	tasks       func(context.Context) ([]Task, error) // nil: there are none
	pulls       notes[pulledImage, pullNote]
	counted     counted
	refusals    notes[refusedPush, refusalNote]

	excluded     atomic.Pointer[excluded]
	customerKeys *seal.Column
	vaults       vaults

	secrets   *seal.Column
	logins    *logins
	asking    singleflight.Group
	imports   *imports
	downloads *downloads
	spools    string // folder of what is on its way from other registries; "": that of temporary files

	step func(point string) error // of a test: what happens where a crash would matter; nil: nothing
}

// New brings the tables up to date, makes the token key at the first start, sealed under keys, and returns the registry.
// The tables of events must be there.
func New(ctx context.Context, db *store.DB, keys *seal.Keys, blobs sealed.Inner, region string, options ...Option) (*Control, error) {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "registry", files); err != nil {
		return nil, err
	}
	ring, err := loadKeys(ctx, db, keys)
	if err != nil {
		return nil, fmt.Errorf("keys of login tokens: %w", err)
	}
	if err := forgetTurns(ctx, db); err != nil {
		return nil, err
	}
	c := &Control{db: db, blobs: blobs, region: region, keys: ring, checkPolicy: uncheckedPolicy, sweeping: DefaultSweeping}
	c.pulls.most, c.refusals.most, c.vaults.open = maxPulls, maxRefusals, map[string]*vault{}
	if c.customerKeys, err = keys.Column(ctx, "registry_customer_keys", "id", "sealed"); err != nil {
		return nil, err
	}
	if err := c.openUpstreams(ctx, keys); err != nil {
		return nil, err
	}
	for _, set := range options {
		set(c)
	}
	return c, c.sweeping.Check()
}

// Task is a task that runs an image.
type Task struct {
	ARN     string
	Account string
	Digest  Digest // of the image, as its tag stood for it
}

// Tasks tells the registry which tasks run: their images are not swept for the want of a tag, and events
// about marked images name them.
func Tasks(running func(context.Context) ([]Task, error)) Option {
	return func(c *Control) { c.tasks = running }
}

// reach says how far something is, to a test that cuts it off there.
func (c *Control) reach(point string) error {
	if c.step == nil {
		return nil
	}
	return c.step(point)
}

// Region is where the registry says that it is.
func (c *Control) Region() string { return c.region }

// ARN names a repository, whether it is there or not.
func (c *Control) ARN(account, repository string) string {
	return arn.ARN{Service: "ecr", Region: c.region, Account: account, Resource: "repository/" + repository}.String()
}

// Uploads that nothing was added to for so long will not be finished.
const (
	staleAfter = 24 * time.Hour
	stalePause = time.Hour
)

// Run forgets what is stale, sweeps when it is time to, applies lifecycle policies and adds up what is
// used, until ctx ends.
func (c *Control) Run(ctx context.Context) {
	changed, stop := c.db.Watch(lifecycleTopic)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { loop.Run(ctx, "registry uploads", stalePause, nil, c.forgetStale) })
	running.Go(func() { loop.Run(ctx, "registry usage", foldPause, nil, c.foldUsage) })
	running.Go(func() { loop.Run(ctx, "registry keys", keyPause, nil, c.deleteKeys) })
	running.Go(func() { loop.Run(ctx, "registry pulls", pullPause, nil, c.writePulls) })
	running.Go(func() { loop.Run(ctx, "registry refusals", refusalPause, nil, c.tellRefusals) })
	running.Go(func() { loop.Run(ctx, "registry doomed", sweepPause, nil, c.clearDoomed) })
	running.Go(func() { loop.Run(ctx, "registry sweep", sweepPause, nil, c.sweepWhenDue) })
	running.Go(func() { loop.Run(ctx, "registry lifecycle", lifecyclePause, changed, c.evaluateLifecycles) })
	running.Go(func() { c.watchExclusions(ctx) })
	c.runUpstreams(ctx, &running)
	running.Wait()
	c.lastPulls(ctx)
	c.lastRefusals(ctx)
}

func (c *Control) forgetStale(ctx context.Context) error {
	n, err := c.ForgetUploads(ctx, staleAfter)
	if n > 0 {
		slog.Info("forgot stale uploads", "uploads", n)
	}
	if err != nil {
		return err
	}
	return c.forgetArrivals(ctx, staleAfter)
}
