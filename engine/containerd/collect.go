package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	coreimages "github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	godigest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/runtime-spec/specs-go"

	"slipway/engine"
)

// imageHolds are the images that calls under way need: they are pulled, or a container is being made of them.
type imageHolds struct {
	mu       sync.Mutex
	held     map[string]int           // by digest
	removing map[string]chan struct{} // closed once it is done
}

// hold keeps an image from being removed until release. It waits for a removal to end.
func (h *imageHolds) hold(digest string) (release func()) {
	h.mu.Lock()
	for h.removing[digest] != nil {
		done := h.removing[digest]
		h.mu.Unlock()
		<-done
		h.mu.Lock()
	}
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = map[string]int{}
	}
	h.held[digest]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.held[digest]--; h.held[digest] == 0 {
			delete(h.held, digest)
		}
	}
}

func (h *imageHolds) isHeld(digest string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held[digest] > 0
}

// remove takes the image for itself, unless somebody holds it or removes it already.
func (h *imageHolds) remove(digest string) (done func(), mine bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held[digest] > 0 || h.removing[digest] != nil {
		return nil, false
	}
	if h.removing == nil {
		h.removing = map[string]chan struct{}{}
	}
	h.removing[digest] = make(chan struct{})
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		close(h.removing[digest])
		delete(h.removing, digest)
	}, true
}

// useFile is a file whose time of change is when the image was last used. The record in containerd would
// have to be synced to the disk for every start.
func (e *Engine) useFile(digest string) string {
	return filepath.Join(e.options.Data, "images", strings.ReplaceAll(digest, ":", "-"))
}

// used notes that the image is used now. A note that is missing makes the image look older, and no more.
func (e *Engine) used(digest string) {
	file, now := e.useFile(digest), time.Now()
	err := os.Chtimes(file, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(os.MkdirAll(filepath.Dir(file), 0o711), os.WriteFile(file, nil, 0o600))
	}
	if err != nil {
		e.log.Warn("the use of an image is not noted", "image", digest, "error", err)
	}
}

// Images tells what containerd has records of, ready or not.
func (e *Engine) Images(ctx context.Context) ([]engine.StoredImage, error) {
	images, err := e.stored(e.context(ctx))
	return images, told("list images", err)
}

func (e *Engine) stored(ctx context.Context) ([]engine.StoredImage, error) {
	records, err := e.client.ImageService().List(ctx)
	if err != nil {
		return nil, err
	}
	used, err := e.client.ContainerService().List(ctx, fmt.Sprintf("labels.%q", digestLabel))
	if err != nil {
		return nil, err
	}
	found := map[string]engine.StoredImage{}
	for _, r := range records {
		s := found[r.Target.Digest.String()]
		s.Digest = r.Target.Digest.String()
		s.Refs = append(s.Refs, r.Name)
		s.UsedAt = e.usedAt(r, s.UsedAt)
		s.InUse = e.images.holds.isHeld(s.Digest)
		found[s.Digest] = s
	}
	for _, c := range used {
		if s, here := found[c.Labels[digestLabel]]; here {
			s.InUse = true
			found[s.Digest] = s
		}
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b engine.StoredImage) int { return strings.Compare(a.Digest, b.Digest) })
	for i := range list {
		list[i].Size = e.sizeOf(ctx, records, list[i].Digest)
	}
	return list, nil
}

// usedAt is the latest of what is known: the note of the last use, or the record where there is none.
func (e *Engine) usedAt(r coreimages.Image, known time.Time) time.Time {
	at := r.UpdatedAt
	if info, err := os.Stat(e.useFile(r.Target.Digest.String())); err == nil {
		at = info.ModTime()
	}
	if at.Before(known) {
		return known
	}
	return at
}

// sizeOf is 0 for what was not pulled to its end.
func (e *Engine) sizeOf(ctx context.Context, records []coreimages.Image, digest string) int64 {
	at := slices.IndexFunc(records, func(r coreimages.Image) bool { return r.Target.Digest.String() == digest })
	e.images.mu.Lock()
	known := e.images.known[digest]
	e.images.mu.Unlock()
	if known == nil && records[at].Labels[readyLabel] != "" {
		known, _ = e.read(ctx, records[at].Target)
	}
	if known == nil {
		return 0
	}
	return known.size
}

// RemoveImage deletes the records of an image, and waits for containerd to collect what only it needed.
func (e *Engine) RemoveImage(ctx context.Context, digest string, since time.Time) error {
	if _, err := godigest.Parse(digest); err != nil {
		return nil // no image has it
	}
	done, mine := e.images.holds.remove(digest)
	if !mine {
		return fmt.Errorf("%w: image %s is being pulled, used or removed", engine.ErrInUse, digest)
	}
	defer done()
	return told("remove image "+digest, e.removeImage(e.context(ctx), digest, since))
}

// removeImage is called by who has the image for itself, so that no container of it comes to be.
func (e *Engine) removeImage(ctx context.Context, digest string, since time.Time) error {
	records, err := e.client.ImageService().List(ctx, fmt.Sprintf("target.digest==%q", digest))
	if err != nil {
		return err
	}
	containers, err := e.client.ContainerService().List(ctx, fmt.Sprintf("labels.%q==%q", digestLabel, digest))
	if err != nil {
		return err
	}
	if len(containers) > 0 {
		return fmt.Errorf("%w: container %s is of it", engine.ErrInUse, containers[0].Labels[idLabel])
	}
	for _, r := range records {
		if at := e.usedAt(r, time.Time{}); at.After(since) {
			return fmt.Errorf("%w: it was used at %s", engine.ErrInUse, at.Format(time.RFC3339Nano))
		}
	}
	if err := e.dropRoot(ctx, digest); err != nil {
		return err
	}
	e.images.forget(digest)
	if err := os.Remove(e.useFile(digest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, r := range records {
		if err := e.client.ImageService().Delete(ctx, r.Name, coreimages.SynchronousDelete()); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func (i *images) forget(digest string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.known, digest)
	maps.DeleteFunc(i.users, func(key string, _ specs.User) bool { return strings.HasPrefix(key, digest+" ") })
}
