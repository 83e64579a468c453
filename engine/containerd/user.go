package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/mount"
	contfs "github.com/containerd/continuity/fs"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"slipway/internal/ids"
)

// userOf resolves a user such as "app", "app:staff", "1000:1000" or "" in the image's own passwd and
// group. That needs a mount, so what is found is kept in mind.
func (e *Engine) userOf(ctx context.Context, digest string, img *image, name string) (specs.User, error) {
	key := digest + " " + name
	e.images.mu.Lock()
	known, ok := e.images.users[key]
	e.images.mu.Unlock()
	if ok {
		return known, nil
	}
	var found specs.User
	err := e.withRootfs(ctx, img, func(root string) (err error) {
		found, err = resolveUser(root, name)
		return err
	})
	if err != nil {
		return specs.User{}, err
	}
	e.images.mu.Lock()
	defer e.images.mu.Unlock()
	if e.images.users == nil {
		e.images.users = map[string]specs.User{}
	}
	e.images.users[key] = found
	return found, nil
}

// withRootfs mounts an image's files for reading while f runs. What a crash leaves of that, the
// next engine's dropLooks takes away.
func (e *Engine) withRootfs(ctx context.Context, img *image, f func(root string) error) (err error) {
	snapshots := e.client.SnapshotService(snapshotter)
	key := "look-" + ids.Hex(8)
	mounts, err := onceMore(func() ([]mount.Mount, error) { return snapshots.View(ctx, key, img.rootfs) })
	if err != nil {
		return err
	}
	dir := filepath.Join(e.looksDir(), key)
	defer func() {
		gone := snapshots.Remove(context.WithoutCancel(ctx), key)
		if errdefs.IsNotFound(gone) { // containerd's garbage collection was here before us
			gone = nil
		}
		err = errors.Join(err, dropLook(dir), gone)
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := mount.All(mounts, dir); err != nil {
		return err
	}
	return f(dir)
}

func (e *Engine) looksDir() string { return filepath.Join(e.run, "look") }

func (e *Engine) dropLooks() error {
	dirs, err := filepath.Glob(filepath.Join(e.looksDir(), "*"))
	for _, dir := range dirs {
		err = errors.Join(err, dropLook(dir))
	}
	return err
}

func dropLook(dir string) error {
	if err := mount.UnmountAll(dir, unix.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove(dir)
}

func resolveUser(root, name string) (specs.User, error) {
	passwd, err := openInside(root, "/etc/passwd")
	if err != nil {
		return specs.User{}, err
	}
	defer passwd.Close()
	group, err := openInside(root, "/etc/group")
	if err != nil {
		return specs.User{}, err
	}
	defer group.Close()
	const most = 4 << 20 // of an image that wants to exhaust us
	found, err := user.GetExecUser(name, nil, io.LimitReader(passwd, most), io.LimitReader(group, most))
	if err != nil {
		return specs.User{}, fmt.Errorf("user %q: %w", name, err)
	}
	u := specs.User{UID: uint32(found.Uid), GID: uint32(found.Gid)}
	for _, gid := range found.Sgids {
		u.AdditionalGids = append(u.AdditionalGids, uint32(gid))
	}
	return u, nil
}

// openInside opens a file of a foreign root: links stay inside, and what is missing reads as empty.
// What is no file is refused, for runc opens it too, and would wait at a pipe for ever.
func openInside(root, name string) (io.ReadCloser, error) {
	path, err := contfs.RootPath(root, name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return io.NopCloser(eof{}), nil
	} else if err != nil {
		return nil, fmt.Errorf("%s of the image: %w", name, errors.Unwrap(err))
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(fmt.Errorf("%s of the image is not a file", name), err)
	}
	return f, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
