package containerd

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// retryBusy tries for a while what the kernel refuses while the last process is still going.
func retryBusy(try func() error) error {
	pause := time.Millisecond
	for {
		err := try()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case !errors.Is(err, unix.EBUSY) || pause > time.Second:
			return err
		}
		time.Sleep(pause)
		pause *= 2
	}
}

// isNamespace says whether path is a mounted namespace, and not the empty file of a mount that
// never came or went with a boot.
func isNamespace(path string) bool {
	var at unix.Statfs_t
	return unix.Statfs(path, &at) == nil && at.Type == unix.NSFS_MAGIC
}

// unmount takes away a mount point, however many times it is mounted.
func unmount(path string) error {
	for isNamespace(path) {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return &fs.PathError{Op: "unmount", Path: path, Err: err}
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
