package containerd

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	coreimages "github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"slipway/engine"
)

const (
	snapshotter = "overlayfs"
	readyLabel  = "slipway.ready" // on images whose every layer is unpacked
)

// images are what is known of images that are here. Digests do not change, so nothing is ever stale.
type images struct {
	mu     sync.Mutex
	known  map[string]*image     // by digest
	users  map[string]specs.User // by digest and user
	pulls  flights
	layers layersOf
	holds  imageHolds
}

// image is what a container needs of an image.
type image struct {
	digest   string
	config   ocispec.Image
	rootfs   string // the snapshot of all its layers
	size     int64
	platform string
}

func (i *image) told(ref, digest string) engine.Image {
	return engine.Image{Ref: ref, Digest: digest, Size: i.size, Platform: i.platform}
}

// present gives the image of a digest where it is here and ready, and nil otherwise.
func (e *Engine) present(ctx context.Context, digest digest.Digest) (*image, error) {
	ctx = e.context(ctx)
	records, err := e.client.ImageService().List(ctx, fmt.Sprintf("target.digest==%s,labels.%q==1", digest, readyLabel))
	if err != nil || len(records) == 0 {
		return nil, err
	}
	e.images.mu.Lock()
	known := e.images.known[digest.String()]
	e.images.mu.Unlock()
	if known != nil {
		return known, nil
	}
	return e.read(ctx, records[0].Target)
}

// read takes from containerd what an image says of itself, and keeps it in mind.
func (e *Engine) read(ctx context.Context, target ocispec.Descriptor) (*image, error) {
	store := e.client.ContentStore()
	manifest, err := coreimages.Manifest(ctx, store, target, ourPlatform)
	if err != nil {
		return nil, err
	}
	blob, err := content.ReadBlob(ctx, store, manifest.Config)
	if err != nil {
		return nil, err
	}
	i := &image{digest: target.Digest.String()}
	if err := json.Unmarshal(blob, &i.config); err != nil {
		return nil, fmt.Errorf("image config %s: %w", manifest.Config.Digest, err)
	}
	i.platform = platforms.Format(platforms.Normalize(i.config.Platform))
	i.rootfs = identity.ChainID(i.config.RootFS.DiffIDs).String()
	for _, layer := range manifest.Layers {
		i.size += layer.Size
	}
	e.images.mu.Lock()
	defer e.images.mu.Unlock()
	if e.images.known == nil {
		e.images.known = map[string]*image{}
	}
	e.images.known[target.Digest.String()] = i
	return i, nil
}
