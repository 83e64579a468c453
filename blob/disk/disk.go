// Package disk keeps blobs as files in a folder of their own.
//
//	uploads/<id>              bytes that are still coming
//	sha256/ab/abcdef...       blobs; the same for sha512
//
// Only one process may use the folder at a time. It does not free room by itself.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"slipway/blob"
)

// Store is a folder of blobs.
type Store struct {
	dir     string
	mu      sync.Mutex
	uploads map[string]*upload // those touched since the start
}

var _ blob.Store = (*Store)(nil)

// Open uses dir, made if it is not there, for its owner alone.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir, uploads: map[string]*upload{}}
	if err := s.makeFolders(); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", explain(err))
	}
	return s, nil
}

// makeFolders makes those that uploads and blobs go into, so that no push has to wait until a new one is on
// the disk itself.
func (s *Store) makeFolders() error {
	if err := os.MkdirAll(s.uploadsDir(), 0o700); err != nil {
		return err
	}
	blobs := filepath.Join(s.dir, "sha256")
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(blobs, fmt.Sprintf("%02x", i)), 0o700); err != nil {
			return err
		}
	}
	return errors.Join(syncFile(blobs), syncFile(s.dir))
}

// Open reads a blob.
func (s *Store) Open(_ context.Context, d blob.Digest) (blob.Reader, error) {
	path, err := s.blobPath(d)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNoBlob, d)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return reader{f, info.Size()}, nil
}

// reader shows what *os.File can, so that the kernel can send it.
type reader struct {
	*os.File
	size int64
}

func (r reader) Size() int64 { return r.size }

// Delete removes a blob.
func (s *Store) Delete(_ context.Context, d blob.Digest) error {
	path, err := s.blobPath(d)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) uploadsDir() string { return filepath.Join(s.dir, "uploads") }

// blobPath checks d once more: it becomes a path.
func (s *Store) blobPath(d blob.Digest) (string, error) {
	if _, err := blob.ParseDigest(string(d)); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, d.Algorithm(), d.Hex()[:2], d.Hex()), nil
}

// publish makes the file at path, whose bytes were checked, the blob d, and durable.
func (s *Store) publish(path string, size int64, d blob.Digest) error {
	target, err := s.blobPath(d)
	if err != nil {
		return err
	}
	if info, err := os.Stat(target); err == nil && info.Size() == size {
		// Who renamed it there may not have synced the folder yet, and we are about to answer for it too.
		return errors.Join(os.Remove(path), syncFile(filepath.Dir(target)))
	}
	if err := syncFile(path); err != nil {
		return err
	}
	if err := s.rename(path, target); err != nil {
		return err
	}
	return syncFile(filepath.Dir(target))
}

func (s *Store) rename(path, target string) error {
	err := os.Rename(path, target)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	folder := filepath.Dir(target)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := errors.Join(syncFile(filepath.Dir(folder)), syncFile(s.dir)); err != nil {
		return err
	}
	return os.Rename(path, target)
}

// syncFile puts a file, or the names in a folder, on the disk itself.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// explain names a full disk.
func explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", blob.ErrFull, err)
	}
	return err
}
