// Package sealed keeps blobs that only the holder of a key can read, in a store that other blobs
// may lie in too. Neither blobs nor uploads on their way are ever in plain there, and what a blob
// is called does not tell its digest. The same bytes are kept once for each key.
//
// Of a blob it can be seen how large it is, when it came, and which uploads were given the same
// name. Whoever can watch the disk while an upload is cut off, and bytes that were lost come
// again with other content, learns how the two differ.
package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"slipway/blob"
)

// Inner is where sealed bytes are kept.
type Inner interface {
	blob.Store

	// BeginAs is Begin of an upload that CommitAs is to end: nobody asks for the digest of its bytes.
	BeginAs(ctx context.Context, id string) error

	// OpenUpload reads what an upload has so far. It returns blob.ErrNoUpload. Nothing else may be done with
	// the upload until the reader is closed.
	OpenUpload(ctx context.Context, id string) (blob.Reader, error)

	// CommitAs is Commit under a name that is not the digest of the bytes.
	CommitAs(ctx context.Context, id string, name blob.Digest) (int64, error)

	// OpenAs is Open of such a name: it does not compare the bytes with it.
	OpenAs(ctx context.Context, name blob.Digest) (blob.Reader, error)
}

// Store is the blobs of one key. Calls about one upload may go to several Stores of the key, one after
// another: each that did not see what came reads it again.
type Store struct {
	inner Inner
	key   Key

	mu      sync.Mutex
	uploads map[string]*upload // those touched since the start
}

var _ blob.Store = (*Store)(nil)

// New returns the blobs in a store that are, or will be, sealed with the key.
func New(inner Inner, key Key) *Store {
	return &Store{inner: inner, key: key, uploads: map[string]*upload{}}
}

// Open reads a blob. What it gives was checked, a segment at a time; what is not as it was sealed is
// blob.ErrDamaged.
func (s *Store) Open(ctx context.Context, d blob.Digest) (blob.Reader, error) {
	name, err := s.name(d)
	if err != nil {
		return nil, err
	}
	r, said, err := s.open(ctx, name)
	if errors.Is(err, blob.ErrNoBlob) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNoBlob, d)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	if said != d {
		return nil, errors.Join(fmt.Errorf("%w: another blob is in the place of %s", blob.ErrDamaged, d), r.Close())
	}
	return r, nil
}

// open reads what is kept under a name, and returns the digest that it was sealed with.
func (s *Store) open(ctx context.Context, name blob.Digest) (*reader, blob.Digest, error) {
	kept, err := s.inner.OpenAs(ctx, name)
	if err != nil {
		return nil, "", err
	}
	r, d, err := newReader(kept, s.key)
	if err != nil {
		return nil, "", errors.Join(err, kept.Close())
	}
	return r, d, nil
}

// name checks d once more: nobody shall be told that a blob is missing which cannot be there.
func (s *Store) name(d blob.Digest) (blob.Digest, error) {
	if _, err := blob.ParseDigest(string(d)); err != nil {
		return "", err
	}
	return s.key.Name(d)
}

// Delete removes a blob.
func (s *Store) Delete(ctx context.Context, d blob.Digest) error {
	name, err := s.name(d)
	if err != nil {
		return err
	}
	return s.inner.Delete(ctx, name)
}

// Walk calls f for the blobs of the key. It opens every blob there is, since names do not tell, and
// remembers those of the key until it has seen all.
func (s *Store) Walk(ctx context.Context, after blob.Digest, f func(blob.Digest, int64, time.Time) error) error {
	type seen struct {
		size int64
		came time.Time
	}
	found := map[blob.Digest]seen{}
	err := s.inner.Walk(ctx, "", func(name blob.Digest, _ int64, came time.Time) error {
		r, d, err := s.open(ctx, name)
		if errors.Is(err, blob.ErrDamaged) || errors.Is(err, blob.ErrNoBlob) {
			return nil // it is of another key or of none, or went meanwhile
		}
		if err != nil {
			return err
		}
		if d > after {
			found[d] = seen{r.Size(), came}
		}
		return r.Close()
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Sorted(maps.Keys(found)) {
		if err := f(d, found[d].size, found[d].came); err != nil {
			return err
		}
	}
	return nil
}

// Uploads lists the uploads of the store below, whatever key they are of, with the sizes that they have
// if they are sealed.
func (s *Store) Uploads(ctx context.Context) ([]blob.Upload, error) {
	all, err := s.inner.Uploads(ctx)
	for i := range all {
		all[i].Size = max(0, all[i].Size-headerSize)
	}
	return all, err
}

// readAt fills b with what is at a place.
func readAt(r io.ReadSeeker, b []byte, place int64) error {
	if _, err := r.Seek(place, io.SeekStart); err != nil {
		return err
	}
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", blob.ErrDamaged)
	}
	return err
}
