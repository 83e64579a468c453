package disk

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slipway/blob"
)

// upload is what is known of uploads/<id>. Fields are used by whoever has the turn.
type upload struct {
	turn   chan struct{} // full while somebody works on the upload
	path   string
	size   int64
	sha256 hash.Hash // of all size bytes; nil until needed after a restart, or where nobody may ask for it
	ended  bool
}

func newUpload(path string, size int64) *upload {
	return &upload{turn: make(chan struct{}, 1), path: path, size: size}
}

// Begin starts an upload.
func (s *Store) Begin(_ context.Context, id string) error { return s.begin(id, blob.NewHash("sha256")) }

func (s *Store) begin(id string, h hash.Hash) error {
	path, err := s.uploadPath(id)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return explain(err)
	}
	u := newUpload(path, 0)
	u.sha256 = h
	s.mu.Lock()
	s.uploads[id] = u
	s.mu.Unlock()
	return f.Close()
}

// uploadPath refuses what is not a UUID: ids come from clients, and become paths.
func (s *Store) uploadPath(id string) (string, error) {
	if len(id) != 36 || strings.Trim(id, "0123456789abcdef-") != "" {
		return "", fmt.Errorf("%w: %q", blob.ErrNoUpload, id)
	}
	return filepath.Join(s.uploadsDir(), id), nil
}

// take waits for the turn on an upload. The caller must release it.
func (s *Store) take(ctx context.Context, id string) (*upload, error) {
	u, err := s.find(id)
	if err != nil {
		return nil, err
	}
	select {
	case u.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if u.ended {
		u.release()
		return nil, fmt.Errorf("%w: %s", blob.ErrNoUpload, id)
	}
	return u, nil
}

func (u *upload) release() { <-u.turn }

func (s *Store) find(id string) (*upload, error) {
	path, err := s.uploadPath(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[id]; u != nil {
		return u, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNoUpload, id)
	}
	if err != nil {
		return nil, err
	}
	u := newUpload(path, info.Size())
	s.uploads[id] = u
	return u, nil
}

// end forgets an upload whose file is gone. The caller has the turn.
func (s *Store) end(id string, u *upload) {
	u.ended = true
	s.mu.Lock()
	delete(s.uploads, id)
	s.mu.Unlock()
}

// Size is how many bytes an upload has.
func (s *Store) Size(ctx context.Context, id string) (int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	return u.size, nil
}

// Append adds to an upload.
func (s *Store) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	if offset != blob.End && offset != u.size {
		return u.size, fmt.Errorf("%w: it has %d bytes, these start at %d", blob.ErrOffset, u.size, offset)
	}
	err = u.append(r)
	return u.size, err
}

func (u *upload) append(r io.Reader) error {
	f, err := os.OpenFile(u.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(u.size, io.SeekStart); err != nil {
		return err
	}
	n, err := receive(f, u.size, u.sha256, r)
	u.size += n
	return err
}

// catchUp hashes what an earlier process received.
func (u *upload) catchUp(f *os.File) error {
	if u.sha256 != nil {
		return nil
	}
	h := blob.NewHash("sha256")
	if _, err := io.CopyN(h, f, u.size); err != nil {
		return err
	}
	u.sha256 = h
	return nil
}

// Commit makes the upload a blob.
func (s *Store) Commit(ctx context.Context, id string, want blob.Digest) (int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	got, err := u.digest(want.Algorithm())
	if err != nil {
		return 0, err
	}
	if got != want {
		return 0, fmt.Errorf("%w: they have %s, not %s", blob.ErrMismatch, got, want)
	}
	return s.commit(id, u, want)
}

// digest reads the file again only for sha512, and after a restart.
func (u *upload) digest(algorithm string) (blob.Digest, error) {
	f, err := os.Open(u.path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if algorithm == "sha256" {
		if err := u.catchUp(f); err != nil {
			return "", err
		}
		return blob.Sum(algorithm, u.sha256.Sum(nil)), nil
	}
	h := blob.NewHash(algorithm)
	if h == nil {
		return "", fmt.Errorf("%w: algorithm %q, want sha256 or sha512", blob.ErrDigest, algorithm)
	}
	_, err = io.Copy(h, f)
	return blob.Sum(algorithm, h.Sum(nil)), err
}

// Cancel ends an upload.
func (s *Store) Cancel(ctx context.Context, id string) error {
	u, err := s.take(ctx, id)
	if errors.Is(err, blob.ErrNoUpload) {
		return nil
	}
	if err != nil {
		return err
	}
	defer u.release()
	if err := os.Remove(u.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.end(id, u)
	return nil
}

// Uploads lists the uploads.
func (s *Store) Uploads(context.Context) ([]blob.Upload, error) {
	entries, err := os.ReadDir(s.uploadsDir())
	if err != nil {
		return nil, err
	}
	var found []blob.Upload
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		found = append(found, blob.Upload{ID: e.Name(), Size: info.Size(), Changed: info.ModTime()})
	}
	return found, nil
}
