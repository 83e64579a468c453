package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// The scratch space of a held container is an ext4 of its size in a sparse file, as the disks of tasks (growth.go).
// To format one takes thirty milliseconds: so one of each size is formatted once, and copied from then on, which
// takes one, for there is next to nothing in it.

const loopNameSize = 64

// tryLoop tells why file systems in files cannot be had on this machine, if they cannot: it tries to make a device of one.
func tryLoop(dir string) error {
	if !disksBound() {
		return errors.New("mkfs.ext4, mount or /dev/loop-control is missing")
	}
	file, err := os.CreateTemp(dir, "loop-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	if err := file.Truncate(1 << 20); err != nil {
		return err
	}
	device, err := loopOf(file, control)
	if err != nil {
		return err
	}
	return device.Close()
}

// makeScratch mounts a new, empty file system of so many bytes.
func (e *Engine) makeScratch(ctx context.Context, file, at string, size int64) error {
	template, err := e.scratchTemplate(ctx, size)
	if err != nil {
		return err
	}
	if err := copySparse(file, template); err != nil {
		return err
	}
	if err := os.MkdirAll(at, 0o711); err != nil {
		return err
	}
	return mountLoop(file, at)
}

func (e *Engine) templatesDir() string { return filepath.Join(e.options.Data, "scratch") }

// scratchTemplate is the file of an empty file system that everybody may write to.
func (e *Engine) scratchTemplate(ctx context.Context, size int64) (string, error) {
	file := filepath.Join(e.templatesDir(), strconv.FormatInt(size, 10))
	defer e.containers.lock(file)()
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if err := os.MkdirAll(e.templatesDir(), 0o700); err != nil {
		return "", err
	}
	fresh := file + ".new"
	err := e.formatScratch(ctx, fresh, filepath.Join(e.run, "scratch-"+strconv.FormatInt(size, 10)), size)
	if err == nil {
		err = os.Rename(fresh, file)
	}
	return file, err
}

func (e *Engine) formatScratch(ctx context.Context, file, at string, size int64) (err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close(), os.MkdirAll(at, 0o700)); err != nil {
		return err
	}
	program, err := findProgram("mkfs.ext4")
	if err != nil {
		return err
	}
	args := []string{"-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "nodiscard,lazy_itable_init=1", file}
	if out, warnings, err := runProgram(ctx, program, args, nil, ""); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s%s", err, out, warnings)
	}
	if err := mountLoop(file, at); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(filepath.Join(at, "lost+found")), unix.Chmod(at, 0o1777), unix.Unmount(at, 0), os.Remove(at))
}

// copySparse copies what a file holds, and leaves its holes to be holes.
func copySparse(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(copyData(target, source, info.Size()), target.Close())
}

func copyData(target, source *os.File, size int64) error {
	if err := target.Truncate(size); err != nil {
		return err
	}
	for end := int64(0); ; {
		start, err := unix.Seek(int(source.Fd()), end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // nothing but a hole is left
		} else if err != nil {
			return err
		}
		if end, err = unix.Seek(int(source.Fd()), start, unix.SEEK_HOLE); err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(target, start), io.NewSectionReader(source, start, end-start)); err != nil {
			return err
		}
	}
}

// mountLoop mounts a file that holds an ext4. The kernel gives up the loop device when it is unmounted.
// Source: loop(4).
func mountLoop(file, at string) error {
	backing, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	device, err := loopOf(backing, control)
	if err != nil {
		return err
	}
	err = unix.Mount(device.Name(), at, "ext4", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOATIME, "discard")
	return errors.Join(err, device.Close())
}

// loopOf is loopFor, as often as others take the device in between.
func loopOf(backing, control *os.File) (*os.File, error) {
	for {
		device, err := loopFor(backing, control)
		if errors.Is(err, unix.EBUSY) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("make a loop device of %s: %w", backing.Name(), err)
		}
		return device, nil
	}
}

// loopFor makes a block device of a file, which ends when it is closed and nothing of it is mounted.
func loopFor(backing, control *os.File) (*os.File, error) {
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, err
	}
	device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	config := unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	copy(config.Info.File_name[:loopNameSize-1], backing.Name())
	if err := unix.IoctlLoopConfigure(int(device.Fd()), &config); err != nil {
		device.Close()
		return nil, err
	}
	return device, nil
}

// dropScratch unmounts what makeScratch has made, and takes away its file.
func dropScratch(file, at string) error {
	for {
		err := unix.Unmount(at, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break // it is not mounted any more
		} else if err != nil {
			return &fs.PathError{Op: "unmount", Path: at, Err: err}
		}
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
