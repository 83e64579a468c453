// Package lockfile keeps a folder or a device for one process: by a lock on a file that the
// kernel gives back when the process ends, in whatever way.
package lockfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// HeldError says who has the lock.
type HeldError struct {
	Path   string
	Holder string // as it called itself; "" if it did not yet
}

func (e *HeldError) Error() string { return fmt.Sprintf("%s is locked by %q", e.Path, e.Holder) }

// A child that a killed process was just starting has its files, locks and all, until it executes
// its program: so a lock is refused only after this long.
const patience = 2 * time.Second

// Hold locks the file at path, making it if need be, and writes self into it. The lock lasts until
// the returned file is closed or the process ends. It returns a HeldError when another has it.
func Hold(path, self string) (*os.File, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		f, err := try(path, self)
		var held *HeldError
		if !errors.As(err, &held) || time.Now().After(deadline) {
			return f, err
		}
	}
}

func try(path, self string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := os.ReadFile(path)
		err = &HeldError{path, strings.TrimSpace(string(holder))}
	}
	if err == nil && !isAt(f, path) {
		err = &HeldError{Path: path} // its last holder removed it meanwhile: try the new one
	}
	if err == nil {
		_, err = f.WriteAt([]byte(self+"\n"), 0)
	}
	if err == nil {
		err = f.Truncate(int64(len(self) + 1))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func isAt(f *os.File, path string) bool {
	held, err := f.Stat()
	there, pathErr := os.Stat(path)
	return err == nil && pathErr == nil && os.SameFile(held, there)
}
