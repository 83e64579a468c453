package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/ids"
	"slipway/nodeapi"
)

// A cache keeps code of functions, unpacked, by the digest of its archive:
//
//	<dir>/<digest>/       what is in it
//	<dir>/<digest>.list   what that is, file by file (tree.go); it is there once all of it is
//	<dir>/<digest>.zip, <digest>.new/  in the making
//
// What a former life has unpacked is compared with its list before it is used, to the last byte. What this one has is
// looked at for changes each time. Where it is not what it was, it is fetched anew.
type cache struct {
	dir   string
	limit int64 // bytes that unpacked code may have together; what is in use may have more
	open  func(ctx context.Context, r nodeapi.CodeRequest) (io.ReadCloser, error)

	mu      sync.Mutex
	entries map[string]*entry // by digest
}

// entry is code that is here, or on its way.
type entry struct {
	digest string
	size   int64 // unpacked
	users  int
	used   time.Time
	tree   tree    // as it was when this process last saw it to be right; nil: it has not
	flight *flight // its fetch, under way
}

// flight is a fetch that all wait for who want the same.
type flight struct {
	done    chan struct{}
	err     error
	waiting int
	cancel  context.CancelFunc
}

const (
	listMark = ".list"
	zipMark  = ".zip"
	newMark  = ".new"
	oldMark  = ".old-"
)

// newCache finds what is here.
func newCache(dir string, limit int64, open func(context.Context, nodeapi.CodeRequest) (io.ReadCloser, error)) (*cache, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	c := &cache{dir: dir, limit: limit, open: open, entries: map[string]*entry{}}
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if digest, is := strings.CutSuffix(f.Name(), listMark); is {
			c.entries["sha256:"+digest] = c.found(f, digest)
		}
	}
	return c, c.dropRest(found)
}

// found takes up an entry of a former life.
func (c *cache) found(list fs.DirEntry, digest string) *entry {
	e := &entry{digest: "sha256:" + digest}
	if info, err := list.Info(); err == nil {
		e.used = info.ModTime()
	}
	if known, err := readTree(filepath.Join(c.dir, list.Name())); err == nil {
		e.size = known.size()
	}
	return e
}

// dropRest takes away what a former life did not bring to its end.
func (c *cache) dropRest(found []fs.DirEntry) (failed error) {
	for _, f := range found {
		digest := strings.TrimSuffix(f.Name(), listMark)
		if c.entries["sha256:"+digest] == nil {
			failed = errors.Join(failed, os.RemoveAll(filepath.Join(c.dir, f.Name())))
		}
	}
	return failed
}

var codeDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (c *cache) path(digest, mark string) string {
	return filepath.Join(c.dir, strings.TrimPrefix(digest, "sha256:")+mark)
}

// get has code here, and keeps it until release. The folder has all that is in its archive.
func (c *cache) get(ctx context.Context, r nodeapi.CodeRequest, size int64) (folder string, release func(), err error) {
	if !codeDigest.MatchString(r.Digest) {
		return "", nil, fmt.Errorf("%w: %q is not a digest", ErrBadCode, r.Digest)
	}
	c.mu.Lock()
	e := c.entries[r.Digest]
	if e == nil {
		e = &entry{digest: r.Digest}
		c.entries[r.Digest] = e
	}
	e.users++
	e.used = time.Now()
	f := e.flight
	if f == nil {
		f = c.fly(ctx, e, r, size)
	}
	f.waiting++
	c.mu.Unlock()
	release = sync.OnceFunc(func() { c.release(e) })
	select {
	case <-f.done:
		err = f.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.land(f)
	if err != nil {
		release()
		return "", nil, err
	}
	return c.path(r.Digest, ""), release, nil
}

// fly begins to have an entry here, under the lock. It goes on as long as anybody waits for it.
func (c *cache) fly(ctx context.Context, e *entry, r nodeapi.CodeRequest, size int64) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{done: make(chan struct{}), cancel: cancel}
	e.flight = f
	known, shown := e.tree, e.users > 1
	go func() {
		defer cancel()
		now, err := c.have(ctx, r, size, known, shown)
		c.mu.Lock()
		defer c.mu.Unlock()
		e.flight, e.tree, f.err = nil, now, err
		if err == nil {
			e.size = now.size()
		}
		close(f.done)
		c.shrink()
	}()
	return f
}

// land gives up the wait for a fetch, and the fetch where nobody waits any more.
func (c *cache) land(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
	}
}

func (c *cache) release(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	c.shrink()
}

// have makes sure of what is here, or fetches it. What is shown in a sandbox stays as it is there.
func (c *cache) have(ctx context.Context, r nodeapi.CodeRequest, size int64, known tree, shown bool) (tree, error) {
	folder, list := c.path(r.Digest, ""), c.path(r.Digest, listMark)
	if known != nil && known.unchanged(folder) {
		return known, nil
	}
	if was, err := readTree(list); err == nil {
		now, err := listTree(folder)
		if err == nil && was.same(now) {
			_ = os.Chtimes(list, time.Now(), time.Now()) // when it was last of use, for the next life
			return now, nil
		}
		slog.Warn("code in the cache is not what it was; it is fetched anew", "digest", r.Digest, "error", err)
	}
	if shown {
		aside := folder + oldMark + ids.Hex(4) // the next life takes it away
		if err := os.Rename(folder, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if err := c.drop(r.Digest); err != nil {
		return nil, err
	}
	now, err := c.fetch(ctx, r, size)
	if err != nil {
		err = errors.Join(err, c.drop(r.Digest))
	}
	return now, err
}

// drop takes away what is here of a digest, the list first.
func (c *cache) drop(digest string) error {
	for _, mark := range []string{listMark, "", zipMark, newMark} {
		if err := os.RemoveAll(c.path(digest, mark)); err != nil {
			return err
		}
	}
	return nil
}

// shrink takes away what is not in use, the oldest first, while there is too much, under the lock.
func (c *cache) shrink() {
	var all int64
	var idle []*entry
	for digest, e := range c.entries {
		all += e.size
		switch {
		case e.users > 0 || e.flight != nil:
		case e.tree == nil && e.size == 0: // it never came, or nothing can be made of it
			if c.drop(digest) == nil {
				delete(c.entries, digest)
			}
		default:
			idle = append(idle, e)
		}
	}
	slices.SortFunc(idle, func(a, b *entry) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.digest, b.digest)) })
	for _, e := range idle {
		if all <= c.limit {
			return
		}
		if err := c.drop(e.digest); err != nil {
			slog.Warn("code is not taken out of the cache", "digest", e.digest, "error", err)
			continue
		}
		delete(c.entries, e.digest)
		all -= e.size
	}
}
