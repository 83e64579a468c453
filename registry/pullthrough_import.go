package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway/store"
)

const (
	importers      = 8 // images that are brought at a time
	importsWaiting = 256
	importsOfOne   = 32 // of one account, waiting or not
	importLife     = 2 * time.Hour
	importDepth    = 3 // indexes of indexes
	blobsAtOnce    = 3 // of an image
)

// importing is an image that is to be brought here from another registry.
type importing struct {
	rule       Upstream
	repository string
	tag        string // "": none
	manifest   Manifest
}

func (i importing) key() string {
	return i.rule.Account + "/" + i.repository + ":" + i.tag + "@" + string(i.manifest.Digest)
}

// imports are the images that are being brought, or wait for it. One that is not taken is brought when
// it is pulled next.
type imports struct {
	mu      sync.Mutex
	known   map[string]bool
	of      map[string]int // by account
	waiting chan importing
}

func newImports() *imports {
	return &imports{known: map[string]bool{}, of: map[string]int{}, waiting: make(chan importing, importsWaiting)}
}

// bring has an image brought here, unless it is already.
func (c *Control) bring(i importing) {
	q := c.imports
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known[i.key()] || q.of[i.rule.Account] >= importsOfOne {
		return
	}
	select {
	case q.waiting <- i:
		q.known[i.key()] = true
		q.of[i.rule.Account]++
	default:
	}
}

func (q *imports) done(i importing) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.known, i.key())
	if q.of[i.rule.Account]--; q.of[i.rule.Account] == 0 {
		delete(q.of, i.rule.Account)
	}
}

// runImports brings images until ctx ends.
func (c *Control) runImports(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case i := <-c.imports.waiting:
			if err := c.importImage(ctx, i); err != nil && ctx.Err() == nil {
				slog.Warn("an image of another registry was not brought", "account", i.rule.Account, "repository", i.repository,
					"tag", i.tag, "digest", i.manifest.Digest, "error", err)
			}
			c.imports.done(i)
		}
	}
}

// importImage brings an image with all that it needs, and then its tag.
func (c *Control) importImage(ctx context.Context, i importing) error {
	ctx, cancel := context.WithTimeout(ctx, importLife)
	defer cancel()
	s, err := c.source(ctx, i.rule, i.repository)
	if err != nil {
		return err
	}
	push := Push{Raw: i.manifest.Raw, MediaType: i.manifest.MediaType, Digest: i.manifest.Digest, Tag: i.tag}
	err = c.importManifest(ctx, s, i, push, 1)
	if errors.Is(err, ErrTagImmutable) { // it was given to an image meanwhile
		push.Tag = ""
		err = c.importManifest(ctx, s, i, push, 1)
	}
	if err != nil || push.Tag == "" {
		return err
	}
	return c.update(ctx, i.rule.Account, i.repository, func(tx *store.Tx, repo Repository) error {
		return setTagDue(tx, repo.id, i.tag, push.Digest, tx.Now.Add(lookAgain))
	})
}

func (c *Control) importManifest(ctx context.Context, s *source, i importing, push Push, depth int) error {
	p, _, err := checkPush(push)
	if err != nil {
		return err
	}
	if len(p.children) > 0 && depth == importDepth {
		return fmt.Errorf("%w: indexes of indexes are followed %d deep", ErrManifest, importDepth)
	}
	for _, child := range p.children {
		m, err := s.manifest(ctx, string(child.Digest))
		if err != nil {
			return fmt.Errorf("%s: %w", child.Digest, err)
		}
		if err := c.importManifest(ctx, s, i, Push{Raw: m.Raw, MediaType: m.MediaType, Digest: m.Digest}, depth+1); err != nil {
			return err
		}
	}
	var blobs errgroup.Group
	blobs.SetLimit(blobsAtOnce)
	for _, b := range p.blobs {
		blobs.Go(func() error { return c.importBlob(ctx, i.rule, i.repository, b.Digest) })
	}
	if err := blobs.Wait(); err != nil {
		return err
	}
	_, _, err = c.PutManifest(ctx, i.rule.Account, i.repository, push)
	return err
}

// importBlob brings a blob that the repository does not have.
func (c *Control) importBlob(ctx context.Context, rule Upstream, repository string, d Digest) error {
	_, err := c.BlobSize(ctx, rule.Account, repository, d)
	if !errors.Is(err, ErrNoBlob) {
		return err
	}
	b, err := c.download(rule, repository, d)
	if err != nil {
		return err
	}
	return b.wait(ctx)
}
