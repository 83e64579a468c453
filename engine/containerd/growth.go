package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
)

// The containers of a task whose disk use is bound write to one file system of that size, which is in a sparse
// file: that works whatever the data folder is on, where project quotas want a kernel, a file system and mount
// options that few machines have. The file is <data>/disks/<task>, mounted at <run>/disks/<task>; in it are
//
//	containers/<attempt>/ what a container has written to its root file system
//	volumes/<key>/        a volume of the task, as in <data>/volumes
//
// The first container to need it makes it, and Detach takes it away.

// leastDisk is the smallest file system that is worth its name, in bytes.
const leastDisk = 1 << 20

// disksBound says whether this machine can.
func disksBound() bool {
	_, mkfs := findProgram("mkfs.ext4")
	_, mounter := findProgram("mount")
	_, loops := os.Stat("/dev/loop-control")
	return errors.Join(mkfs, mounter, loops) == nil
}

func (e *Engine) diskFile(task string) string  { return filepath.Join(e.options.Data, "disks", task) }
func (e *Engine) diskMount(task string) string { return filepath.Join(e.run, "disks", task) }

// boundDisk has an attempt's root file system write to its task's disk of limited size; 0 is no limit.
func (e *Engine) boundDisk(ctx context.Context, task, key string, rootfs []mount.Mount, limit int64) ([]mount.Mount, error) {
	if limit <= 0 {
		return rootfs, nil
	}
	upper := optionOf(rootfs, "upperdir=")
	if upper == "" {
		return nil, fmt.Errorf("limit disk use: the image has no layers that are read only")
	}
	if err := e.taskDisk(ctx, task, limit); err != nil {
		return nil, err
	}
	at := filepath.Join(e.diskMount(task), "containers", key)
	if err := errors.Join(copyFolder(filepath.Join(at, "fs"), upper), os.MkdirAll(filepath.Join(at, "work"), 0o711)); err != nil {
		return nil, fmt.Errorf("limit disk use: %w", err)
	}
	for i := range rootfs {
		for j, option := range rootfs[i].Options {
			switch name, _, _ := strings.Cut(option, "="); name {
			case "upperdir":
				rootfs[i].Options[j] = "upperdir=" + filepath.Join(at, "fs")
			case "workdir":
				rootfs[i].Options[j] = "workdir=" + filepath.Join(at, "work")
			}
		}
	}
	return rootfs, nil
}

// taskDisk makes a task's disk, unless it is there. The first limit stands.
func (e *Engine) taskDisk(ctx context.Context, task string, limit int64) error {
	defer e.volumes.locks.lock(e.diskFile(task))()
	if isMounted(e.diskMount(task)) {
		return nil
	}
	if err := e.makeDisk(ctx, task, max(limit, leastDisk)); err != nil {
		return fmt.Errorf("limit disk use: %w", err)
	}
	return nil
}

func isMounted(path string) bool {
	var at, above unix.Stat_t
	return unix.Stat(path, &at) == nil && unix.Stat(filepath.Dir(path), &above) == nil && at.Dev != above.Dev
}

func optionOf(mounts []mount.Mount, name string) string {
	for _, m := range mounts {
		for _, option := range m.Options {
			if value, is := strings.CutPrefix(option, name); is {
				return value
			}
		}
	}
	return ""
}

// copyFolder makes an empty folder with the owner and mode of another.
func copyFolder(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return errors.Join(os.Chown(to, int(owner.Uid), int(owner.Gid)), unix.Chmod(to, owner.Mode&0o7777))
}

// makeDisk makes a file system of so many bytes and mounts it. Where the programs die with us, the kernel
// gives up the loop device, for nobody holds it.
func (e *Engine) makeDisk(ctx context.Context, task string, size int64) error {
	file, at := e.diskFile(task), e.diskMount(task)
	for _, dir := range []string{filepath.Dir(file), at} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	steps := [][]string{
		{"mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "nodiscard", file}, // it need not outlive a crash of the machine
		{"mount", "-t", "ext4", "-o", "loop,discard", file, at},
	}
	for _, step := range steps {
		program, err := findProgram(step[0])
		if err != nil {
			return err
		}
		if out, warnings, err := runProgram(ctx, program, step[1:], nil, ""); err != nil {
			return fmt.Errorf("%s: %w: %s%s", step[0], err, out, warnings)
		}
	}
	return nil
}

// emptyDisk takes away what an attempt has on its task's disk, where it has one. The next has room again.
func (e *Engine) emptyDisk(key string) error {
	folders, err := filepath.Glob(filepath.Join(e.diskMount("*"), "containers", key))
	for _, folder := range folders {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}

// attemptsOnDisks are the keys of those that have anything on the disk of a task.
func (e *Engine) attemptsOnDisks() (keys []string) {
	for _, task := range foldersIn(filepath.Join(e.run, "disks")) {
		keys = append(keys, foldersIn(filepath.Join(e.diskMount(task), "containers"))...)
	}
	return keys
}

// disks are the tasks that have one.
func (e *Engine) disks() (tasks []string, err error) {
	files, err := os.ReadDir(filepath.Join(e.options.Data, "disks"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, file := range files {
		tasks = append(tasks, file.Name())
	}
	return tasks, err
}

// diskRoom is how many bytes the disks of tasks may have together: what is free, and what they have taken already.
func (e *Engine) diskRoom() int64 {
	var at unix.Statfs_t
	if !disksBound() || unix.Statfs(e.options.Data, &at) != nil {
		return 0
	}
	room := int64(at.Bavail) * at.Bsize
	tasks, err := e.disks()
	if err != nil {
		return 0
	}
	for _, task := range tasks {
		var file unix.Stat_t
		if unix.Stat(e.diskFile(task), &file) == nil {
			room += 512 * file.Blocks
		}
	}
	return room
}

// dropDisk takes away the disk of a task, where it has one.
func (e *Engine) dropDisk(task string) error {
	defer e.volumes.locks.lock(e.diskFile(task))()
	at := e.diskMount(task)
	for {
		err := unix.Unmount(at, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break // it is not mounted any more
		} else if err != nil {
			return &fs.PathError{Op: "unmount", Path: at, Err: err}
		}
	}
	for _, path := range []string{at, e.diskFile(task)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
