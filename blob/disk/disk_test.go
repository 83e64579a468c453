package disk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"slipway/blob"
	"slipway/blob/blobtest"
	"slipway/blob/disk"
	"slipway/internal/errs"
	"slipway/internal/ids"
)

func TestStore(t *testing.T) {
	dirs := map[*testing.T]string{}
	blobtest.Run(t, func(t *testing.T) blob.Store {
		if dirs[t] == "" {
			dirs[t] = t.TempDir()
		}
		return open(t, dirs[t])
	})
}

func TestNamed(t *testing.T) {
	dirs := map[*testing.T]string{}
	blobtest.RunNamed(t, func(t *testing.T) blobtest.Named {
		if dirs[t] == "" {
			dirs[t] = t.TempDir()
		}
		return open(t, dirs[t])
	})
}

func open(t testing.TB, dir string) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s blob.Store, data []byte) error {
	t.Helper()
	ctx, id := context.Background(), ids.UUID()
	err := s.Begin(ctx, id)
	if err == nil {
		_, err = s.Append(ctx, id, 0, bytes.NewReader(data))
	}
	if err == nil {
		_, err = s.Commit(ctx, id, blob.DigestOf(data))
	}
	return err
}

func TestOnlyTheOwnerMayLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	s := open(t, dir)
	if err := put(t, s, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), ids.UUID()); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil || files != 2 {
		t.Errorf("%d files, error %v", files, err)
	}
}

// /dev/full answers every write as a full disk does.
func TestFullDiskIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	id := ids.UUID()
	if err := os.Symlink("/dev/full", filepath.Join(dir, "uploads", id)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), id, 0, bytes.NewReader([]byte("x")))
	if !errors.Is(err, blob.ErrFull) || errs.KindOf(err) != errs.Unavailable {
		t.Errorf("error %v, want %v", err, blob.ErrFull)
	}
}

// A file that lost its end (a broken disk, a careless hand) is made good by the next push.
func TestTruncatedBlobIsReplaced(t *testing.T) {
	dir, data := t.TempDir(), []byte("all of it")
	s := open(t, dir)
	if err := put(t, s, data); err != nil {
		t.Fatal(err)
	}
	d := blob.DigestOf(data)
	path := filepath.Join(dir, "sha256", d.Hex()[:2], d.Hex())
	if err := os.Truncate(path, 3); err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, data); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the blob is %q, error %v", got, err)
	}
}

func BenchmarkPut(b *testing.B) {
	for _, size := range []int{1 << 20, 100 << 20} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			s, data := open(b, b.TempDir()), make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				b.StopTimer()
				rand.Read(data[:32])
				d := blob.DigestOf(data)
				id := ids.UUID()
				b.StartTimer()
				if err := s.Begin(b.Context(), id); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Append(b.Context(), id, 0, bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Commit(b.Context(), id, d); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Delete(b.Context(), d); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
