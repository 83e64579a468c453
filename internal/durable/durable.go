// Package durable writes small files so that a crash or a power cut leaves the old bytes or the new ones,
// never a part of them.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile replaces a file as a whole, readable by its owner alone. Once it returns nil the file
// outlasts a power cut.
func WriteFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the rename it is not there
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes what was made in, renamed into or removed from a folder outlast a power cut.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
