package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"slipway/blob"
)

// Walk calls f for the blobs, a folder of them at a time.
func (s *Store) Walk(ctx context.Context, after blob.Digest, f func(blob.Digest, int64, time.Time) error) error {
	for _, algorithm := range []string{"sha256", "sha512"} {
		folders, err := readDir(filepath.Join(s.dir, algorithm))
		if err != nil {
			return err
		}
		for _, folder := range folders {
			if algorithm+":"+folder.Name()+"~" < string(after) { // ~ is after every digit
				continue
			}
			if err := s.walkFolder(ctx, algorithm, folder.Name(), after, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) walkFolder(ctx context.Context, algorithm, folder string, after blob.Digest, f func(blob.Digest, int64, time.Time) error) error {
	files, err := readDir(filepath.Join(s.dir, algorithm, folder))
	if err != nil {
		return err
	}
	for _, file := range files {
		d, err := blob.ParseDigest(algorithm + ":" + file.Name())
		if err != nil || d <= after {
			continue // not ours, or seen before
		}
		info, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went meanwhile
		}
		if err != nil {
			return err
		}
		if err := errors.Join(ctx.Err(), f(d, info.Size(), info.ModTime())); err != nil {
			return err
		}
	}
	return nil
}

// readDir lists a folder by name. One that is not there is empty.
func readDir(path string) ([]os.DirEntry, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}
