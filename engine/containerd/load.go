package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	coreimages "github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"slipway/engine"
	"slipway/internal/ids"
)

var (
	errNoArchive   = errors.New("not an archive of an image")
	errOtherDigest = errors.New("the archive does not hold the image that is asked for")
)

// maxManifest is how large what is read into memory may be: manifests, configs and indexes. Bytes.
const maxManifest = 8 << 20

// Load makes the image of an archive ready.
func (e *Engine) Load(ctx context.Context, a engine.Archive) (engine.Image, error) {
	img, err := e.load(e.context(ctx), a)
	switch {
	case err == nil:
		return img.told(a.Name, img.digest), nil
	case ctx.Err() != nil:
		return engine.Image{}, fmt.Errorf("load %s: %w", a.Name, ctx.Err())
	case errdefs.IsUnavailable(err):
		return engine.Image{}, fmt.Errorf("%w: load %s: %w", engine.ErrUnavailable, a.Name, err)
	}
	return engine.Image{}, fmt.Errorf("%w %s: %s", engine.ErrPull, a.Name, explainArchive(err))
}

func (e *Engine) load(ctx context.Context, a engine.Archive) (*image, error) {
	return e.images.pulls.do(ctx, "archive "+a.Digest+" "+a.Ref, func(ctx context.Context) (*image, error) {
		if img, err := e.loaded(ctx, a.Digest); img != nil || err != nil {
			return img, err
		}
		guarded, stop := e.space.guard(ctx)
		img, err := e.take(guarded, a)
		if full := stop(); full != nil && err != nil {
			return nil, full
		}
		return img, err
	})
}

// loaded gives the image of a digest where it is here, and nil where it is not, or no digest is known.
func (e *Engine) loaded(ctx context.Context, text string) (*image, error) {
	if text == "" {
		return nil, nil
	}
	d, err := digest.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no digest", errOtherDigest, text)
	}
	defer e.images.holds.hold(text)()
	img, err := e.present(ctx, d)
	if img != nil {
		e.used(text)
	}
	return img, err
}

// take reads an archive and makes its image ready. The lease keeps what it brings until the image's record does.
func (e *Engine) take(ctx context.Context, a engine.Archive) (img *image, err error) {
	source, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	sieve := sift(source)
	defer sieve.Close()
	ctx, done, err := e.client.WithLease(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			e.discard(context.WithoutCancel(ctx))
			return
		}
		done(context.WithoutCancel(ctx))
	}()
	index, err := e.ingest(ctx, sieve)
	if err != nil {
		return nil, err
	}
	target, err := e.choose(ctx, index, a.Digest)
	if err != nil {
		return nil, err
	}
	defer e.images.holds.hold(target.Digest.String())()
	img, err = e.present(ctx, target.Digest)
	if img == nil && err == nil {
		img, err = e.makeReady(ctx, target)
	}
	if err == nil {
		e.used(target.Digest.String())
	}
	return img, err
}

// discard ends the lease of ctx and waits for containerd to collect what only it kept, which containerd would do else
// when enough other things have come.
func (e *Engine) discard(ctx context.Context) {
	id, _ := leases.FromContext(ctx)
	if err := e.client.LeasesService().Delete(ctx, leases.Lease{ID: id}, leases.SynchronousDelete); err != nil {
		slog.Warn("what an archive left is not collected yet", "error", err)
	}
}

// ingest puts what is in an archive into containerd's store, and gives the index of its images.
func (e *Engine) ingest(ctx context.Context, files *sieve) (ocispec.Descriptor, error) {
	index, err := archive.ImportIndex(ctx, ingestion{e.client.ContentStore(), ids.Hex(8)}, files)
	if broken := files.Close(); broken != nil {
		return index, broken
	}
	if err == nil || ctx.Err() != nil || errdefs.IsUnavailable(err) || isFull(err) {
		return index, err
	}
	return index, fmt.Errorf("%w: %w", errNoArchive, err)
}

// ingestion is containerd's store as the reader of one archive sees it: what others write under the same
// names does not meet it, nor does it take compressed layers that are here for those of the archive, which
// would have the digest of what it reads depend on the machine.
type ingestion struct {
	content.Store
	name string
}

// Writer satisfies content.Store.
func (s ingestion) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	own := func(o *content.WriterOpts) error { o.Ref = s.name + "-" + o.Ref; return nil }
	return s.Store.Writer(ctx, append(opts[:len(opts):len(opts)], own)...)
}

// Walk satisfies content.Store.
func (s ingestion) Walk(context.Context, content.WalkFunc, ...string) error { return nil }

// modest is a store of which nothing large is read. What an archive says of the size of its parts may be untrue.
type modest struct{ content.Provider }

// ReaderAt satisfies content.Provider.
func (m modest) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	r, err := m.Provider.ReaderAt(ctx, desc)
	if err == nil && r.Size() > maxManifest {
		err = fmt.Errorf("%w: %s %s has %d bytes, %d are allowed", errTooLarge, desc.MediaType, desc.Digest, r.Size(), maxManifest)
		r.Close()
		return nil, err
	}
	return r, err
}

// choose finds the first image of an index that fits this machine, or the one with the digest.
func (e *Engine) choose(ctx context.Context, index ocispec.Descriptor, digest string) (ocispec.Descriptor, error) {
	none := fmt.Errorf("%w: it holds none", errNoArchive)
	store := modest{e.client.ContentStore()}
	blob, err := content.ReadBlob(ctx, store, index)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var images ocispec.Index
	if err := json.Unmarshal(blob, &images); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%w: its index: %w", errNoArchive, err)
	}
	for _, target := range images.Manifests {
		if digest != "" && target.Digest.String() != digest {
			none = fmt.Errorf("%w: it holds %s, not %s", errOtherDigest, target.Digest, digest)
			continue
		}
		if none = e.fits(ctx, store, target); none == nil || ctx.Err() != nil {
			return target, none
		}
		if digest != "" {
			break
		}
	}
	return ocispec.Descriptor{}, none
}

// fits checks the platform of an image whose content is here.
func (e *Engine) fits(ctx context.Context, store content.Provider, target ocispec.Descriptor) error {
	manifest, err := coreimages.Manifest(ctx, store, target, ourPlatform)
	if err != nil {
		return err
	}
	if err := e.space.takes(manifest.Layers); err != nil { // unpacked, they have no fewer bytes
		return err
	}
	return fitsConfig(ctx, store, manifest.Config)
}

// makeReady unpacks an image whose content is here, and then makes the record that says so.
func (e *Engine) makeReady(ctx context.Context, target ocispec.Descriptor) (*image, error) {
	store := e.client.ContentStore()
	children := coreimages.FilterPlatforms(coreimages.ChildrenHandler(modest{store}), ourPlatform)
	if err := coreimages.Walk(ctx, coreimages.SetChildrenLabels(store, children), target); err != nil {
		return nil, err
	}
	record := coreimages.Image{Name: "slipway.local/loaded@" + target.Digest.String(), Target: target, Labels: map[string]string{readyLabel: "1"}}
	if err := client.NewImageWithPlatform(e.client, record, ourPlatform).Unpack(ctx, snapshotter); err != nil {
		return nil, err
	}
	_, err := e.client.ImageService().Create(ctx, record)
	if errdefs.IsAlreadyExists(err) {
		_, err = e.client.ImageService().Update(ctx, record)
	}
	if err != nil {
		return nil, err
	}
	return e.read(ctx, target)
}

func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), "no space left on device")
}

// explainArchive puts the cause first, in words that say what to look at.
func explainArchive(err error) string {
	switch text := err.Error(); {
	case isFull(err):
		return "the disk is full: " + text
	case strings.Contains(text, "no match for platform"):
		return fmt.Sprintf("%v: the archive has none for %s: %s", errUnfit, platforms.DefaultString(), text)
	case errdefs.IsNotFound(err):
		return "a part of the image is missing in the archive: " + text
	default:
		return text
	}
}
