package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	contfs "github.com/containerd/continuity/fs"
	"golang.org/x/sys/unix"

	"slipway/engine"
)

// volumes are folders that containers write to and that are none's own:
//
//	<root>/named/<key>/        a volume that stays
//	<root>/tasks/<task>/<key>/ one that lives and dies with its task; if the task has a disk (growth.go), it is on that
//
// with, each, name, what the volume is called; data, what is mounted; new, what is being copied from
// an image; and full, a copy that is whole and being moved into data.
type volumes struct {
	root  string
	locks *keyedLock
}

func (v volumes) task(task string) string { return filepath.Join(v.root, "tasks", task) }

// tasks are those that have volumes.
func (v volumes) tasks() (tasks []string, err error) {
	entries, err := os.ReadDir(filepath.Join(v.root, "tasks"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		tasks = append(tasks, entry.Name())
	}
	return tasks, err
}

// drop takes away the volumes of a task.
func (v volumes) drop(task string) error { return os.RemoveAll(v.task(task)) }

// volume is the folder of a mount's volume, ready to be mounted at its path in a container of an image.
func (e *Engine) volume(ctx context.Context, s engine.Spec, m engine.Mount, img *image) (folder string, err error) {
	dir := filepath.Join(e.volumes.root, "named", keyOf(m.Source))
	switch {
	case m.Kind == engine.TaskVolume && s.DiskLimit > 0:
		if err := e.taskDisk(ctx, s.Task, s.DiskLimit); err != nil {
			return "", err
		}
		dir = filepath.Join(e.diskMount(s.Task), "volumes", keyOf(m.Source))
	case m.Kind == engine.TaskVolume:
		dir = filepath.Join(e.volumes.task(s.Task), keyOf(m.Source))
	}
	defer e.volumes.locks.lock(dir)()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := replaceFile(filepath.Join(dir, "name"), []byte(m.Source), 0o600); err != nil {
		return "", err
	}
	data, full := filepath.Join(dir, "data"), filepath.Join(dir, "full")
	if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) {
		if empty, err := isEmpty(data); !empty || err != nil {
			return data, err
		}
		if err := e.copyOut(ctx, img, m.Path, dir); err != nil {
			return "", fmt.Errorf("fill volume %s: %w", m.Source, err)
		}
	}
	return data, moveInto(data, full)
}

// isEmpty says that a folder holds nothing, or is not there.
func isEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}

// copyOut makes dir/full of what an image has at a path: a folder with all in it, or an empty one.
func (e *Engine) copyOut(ctx context.Context, img *image, path, dir string) error {
	fresh := filepath.Join(dir, "new")
	if err := os.RemoveAll(fresh); err != nil { // a copy that a crash cut off
		return err
	}
	err := e.withRootfs(ctx, img, func(root string) error {
		source, err := contfs.RootPath(root, path) // links stay inside
		if err != nil {
			return err
		}
		if info, err := os.Lstat(source); err != nil || !info.IsDir() {
			return os.Mkdir(fresh, 0o755)
		}
		if err := e.roomFor(ctx, source); err != nil {
			return err
		}
		return contfs.CopyDir(fresh, source)
	})
	if err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(dir, "full"))
}

// roomFor fails where a folder of an image would take the last of the disk.
func (e *Engine) roomFor(ctx context.Context, folder string) error {
	usage, err := contfs.DiskUsage(ctx, folder)
	if err != nil {
		return err
	}
	free, err := e.space.free(e.space.dir)
	if err == nil && uint64(usage.Size) > free {
		err = fmt.Errorf("%w: the image has %d bytes for it, %d are free in %s", errTooLarge, usage.Size, free, e.space.dir)
	}
	return err
}

// moveInto moves all of one folder into another, which becomes like it. What is there already stays.
func moveInto(data, full string) error {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(full)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		from, to := filepath.Join(full, entry.Name()), filepath.Join(data, entry.Name())
		err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return &os.LinkError{Op: "move", Old: from, New: to, Err: err}
		}
	}
	info, err := os.Stat(full)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.Chown(data, int(owner.Uid), int(owner.Gid)); err != nil {
		return err
	}
	if err := unix.Chmod(data, owner.Mode&0o7777); err != nil {
		return err
	}
	return os.RemoveAll(full)
}
