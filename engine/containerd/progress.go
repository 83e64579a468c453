package containerd

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	coreimages "github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"slipway/engine"
)

// progressPeriod is how often is told how far a pull is.
const progressPeriod = time.Second

// layersOf remembers which layers the images have that are being pulled, by the image's digest.
type layersOf struct {
	mu  sync.Mutex
	all map[digest.Digest]map[digest.Digest]int64 // sizes by digest
}

// note takes the layers of a manifest that belongs to an image.
func (l *layersOf) note(image digest.Digest, children []ocispec.Descriptor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[digest.Digest]map[digest.Digest]int64{}
	}
	sizes := map[digest.Digest]int64{}
	for _, c := range children {
		if coreimages.IsLayerType(c.MediaType) {
			sizes[c.Digest] = c.Size
		}
	}
	l.all[image] = sizes
}

func (l *layersOf) forget(image digest.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, image)
}

// of are the layers of an image; none as long as its manifest is not here. They are not changed.
func (l *layersOf) of(image digest.Digest) map[digest.Digest]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[image]
}

// follow tells how far the pull of an image is until it is stopped, to who asked for that.
func (e *Engine) follow(ctx context.Context, image digest.Digest) (stop func()) {
	tell := engine.Progress(ctx)
	if tell == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() {
		tick := time.NewTicker(progressPeriod)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if done, all := e.progress(ctx, image); all > 0 && ctx.Err() == nil {
				tell(done, all)
			}
		}
	})
	return func() { cancel(); following.Wait() }
}

// progress adds up the layers of an image that are here, and what has come of those that are on their way.
func (e *Engine) progress(ctx context.Context, image digest.Digest) (done, all int64) {
	layers := e.images.layers.of(image)
	store := e.client.ContentStore()
	coming := map[digest.Digest]int64{}
	statuses, err := store.ListStatuses(ctx)
	if err != nil {
		return 0, 0
	}
	for _, s := range statuses {
		_, layer, _ := strings.Cut(s.Ref, "-") // "layer-sha256:...", by remotes.MakeRefKey
		coming[digest.Digest(layer)] = s.Offset
	}
	for layer, size := range layers {
		all += size
		if offset, under := coming[layer]; under {
			done += min(offset, size)
		} else if here(ctx, store, layer) {
			done += size
		}
	}
	return done, all
}

func here(ctx context.Context, store content.Store, blob digest.Digest) bool {
	_, err := store.Info(ctx, blob)
	return err == nil
}
