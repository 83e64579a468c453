package containerd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"
)

// The held containers of an image share one root file system, since they can only read it: so that none of them
// waits for a snapshot of its own. It is mounted as <run>/roots/<digest> as long as the engine runs. What is written
// to its snapshot is where runc mounts things: folders and files that the image has not.

func (e *Engine) rootsDir() string { return filepath.Join(e.run, "roots") }

// heldRoot is the folder with the files of an image, which is held.
func (e *Engine) heldRoot(ctx context.Context, img *image) (string, error) {
	dir := filepath.Join(e.rootsDir(), strings.ReplaceAll(img.digest, ":", "-"))
	defer e.containers.lock(dir)()
	if isMounted(dir) {
		return dir, nil
	}
	mounts, err := e.rootSnapshot(ctx, img)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, mount.All(mounts, dir)
}

// rootSnapshot is one of a former engine, or a new one. Its label keeps containerd from collecting it.
func (e *Engine) rootSnapshot(ctx context.Context, img *image) ([]mount.Mount, error) {
	service, key := e.client.SnapshotService(snapshotter), rootKey(img.digest)
	kept := snapshots.WithLabels(map[string]string{"containerd.io/gc.root": time.Now().UTC().Format(time.RFC3339)})
	mounts, err := onceMore(func() ([]mount.Mount, error) { return service.Prepare(ctx, key, img.rootfs, kept) })
	if errdefs.IsAlreadyExists(err) {
		return service.Mounts(ctx, key)
	}
	return mounts, err
}

func rootKey(digest string) string { return "held-" + digest }

// dropRoot takes away the root of an image of which nothing is held.
func (e *Engine) dropRoot(ctx context.Context, digest string) error {
	dir := filepath.Join(e.rootsDir(), strings.ReplaceAll(digest, ":", "-"))
	defer e.containers.lock(dir)()
	if err := unmountRoot(dir); err != nil {
		return err
	}
	if err := e.client.SnapshotService(snapshotter).Remove(ctx, rootKey(digest)); !errdefs.IsNotFound(err) {
		return err
	}
	return nil
}

// unmountRoots unmounts those of this engine, or of a former one.
func (e *Engine) unmountRoots() error {
	dirs, err := filepath.Glob(filepath.Join(e.rootsDir(), "*"))
	for _, dir := range dirs {
		err = errors.Join(err, unmountRoot(dir))
	}
	return err
}

func unmountRoot(dir string) error {
	if err := mount.UnmountAll(dir, unix.MNT_DETACH); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
