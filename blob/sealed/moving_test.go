package sealed_test

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"io"
	"testing"

	"slipway/blob"
	"slipway/blob/disk"
	"slipway/blob/s3"
	"slipway/blob/s3/s3test"
	"slipway/blob/sealed"
)

// An upload goes from server to server with every part, as behind a balancer, and is what was sent.
func TestUploadMovesBetweenStores(t *testing.T) {
	server := s3test.Start(t)
	dir := t.TempDir()
	places := map[string]func() sealed.Inner{
		"folder": func() sealed.Inner { return openDisk(t, dir) },
		"bucket": func() sealed.Inner { return openBucket(t, server) },
	}
	for name, inner := range places {
		t.Run(name, func(t *testing.T) {
			key, data := newKey(t), random(12<<20+33)
			below := inner()
			stores := []*sealed.Store{sealed.New(below, key), sealed.New(below, key), sealed.New(below, key)}
			id := begin(t, stores[0], nil)
			for i, at := 0, 0; at < len(data); i++ {
				next := min(len(data), at+1+i*1_300_000)
				n, err := stores[i%3].Append(t.Context(), id, int64(at), bytes.NewReader(data[at:next]))
				if at = next; err != nil || n != int64(at) {
					t.Fatalf("the upload has %d bytes of %d, error %v", n, at, err)
				}
			}
			if n, err := stores[0].Append(t.Context(), id, 5, bytes.NewReader(data)); n != int64(len(data)) || !errors.Is(err, blob.ErrOffset) {
				t.Errorf("out of order: %d, error %v", n, err)
			}
			sum := sha512.Sum512(data)
			long := blob.Sum("sha512", sum[:])
			if _, err := stores[1].Commit(t.Context(), id, blob.DigestOf(nil)); !errors.Is(err, blob.ErrMismatch) {
				t.Fatalf("another digest: error %v", err)
			}
			if n, err := stores[2].Commit(t.Context(), id, long); err != nil || n != int64(len(data)) {
				t.Fatalf("%d bytes, error %v", n, err)
			}
			if got, err := read(t, sealed.New(inner(), key), long); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read %d bytes of %d, error %v", len(got), len(data), err)
			}
			for _, s := range stores {
				if _, err := s.Size(t.Context(), id); !errors.Is(err, blob.ErrNoUpload) {
					t.Errorf("the upload is still there: %v", err)
				}
			}
		})
	}
}

func openBucket(t *testing.T, server s3test.Server) *s3.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	s, err := s3.Open(t.Context(), server.Location(""))
	check(t, err)
	return s
}

// In a bucket, too, neither blobs nor what is on its way is in plain, and what is of no key is not of another.
func TestNothingLiesInPlainInABucket(t *testing.T) {
	server := s3test.Start(t)
	s := sealed.New(openBucket(t, server), newKey(t))
	secret := []byte("the recipe of the sauce is a secret")
	for _, n := range []int{0, 1, 10_000, 400_000} {
		data := bytes.Repeat(secret, n)
		d := put(t, s, data)
		begin(t, s, data)
		r, err := s.Open(t.Context(), d)
		check(t, err)
		if _, err := r.Seek(int64(len(data)/2), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data[len(data)/2:]) {
			t.Errorf("of %d bytes, %d from the middle on, error %v", len(data), len(got), err)
		}
		check(t, r.Close())
	}
	for path, kept := range files(t, server.Dir) {
		if bytes.Contains(kept, secret[:12]) {
			t.Errorf("%s shows what is in it", path)
		}
	}
}

// losing is a store that loses bytes which it took, as one does that is cut off from its bucket.
type losing struct {
	*disk.Store
	keeps int64 // of the next Append; -1: all
}

var errLost = errors.New("the bucket is gone")

func (l *losing) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	if l.keeps < 0 {
		return l.Store.Append(ctx, id, offset, r)
	}
	n, err := l.Store.Append(ctx, id, offset, io.LimitReader(r, l.keeps))
	_, lost := io.Copy(io.Discard, r)
	l.keeps = -1
	return n, errors.Join(err, lost, errLost)
}

// After bytes were lost that had been encrypted already, the upload goes on from what is kept, even with others.
func TestUploadGoesOnAfterBytesWereLost(t *testing.T) {
	for _, keeps := range []int64{0, 1, 64 << 10, 100_000} {
		l := &losing{openDisk(t, t.TempDir()), -1}
		s := sealed.New(l, newKey(t))
		data := random(70_000)
		id := begin(t, s, data)
		l.keeps = keeps
		n, err := s.Append(t.Context(), id, int64(len(data)), bytes.NewReader(random(200_000)))
		if !errors.Is(err, errLost) || n != int64(len(data))+keeps {
			t.Fatalf("%d bytes, error %v", n, err)
		}
		data = append(append(data, random(200_000)[:keeps]...), random(150_001)...)
		if n, err = s.Append(t.Context(), id, n, bytes.NewReader(data[n:])); err != nil || n != int64(len(data)) {
			t.Fatalf("%d bytes of %d, error %v", n, len(data), err)
		}
		if _, err := s.Commit(t.Context(), id, blob.DigestOf(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := read(t, s, blob.DigestOf(data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes of %d, error %v", len(got), len(data), err)
		}
	}
}
