package s3

import (
	"bytes"
	"context"

	"slipway/blob"
)

// BeginAs is Begin: a bucket is slower than the hash.
func (s *Store) BeginAs(ctx context.Context, id string) error { return s.Begin(ctx, id) }

// OpenUpload reads what an upload has so far. It returns blob.ErrNoUpload. A bucket gives out no parts: they
// are joined to an object, of which they are made anew after that, all of it in the bucket. So it is for
// who lost sight of an upload, and not for every day.
func (s *Store) OpenUpload(ctx context.Context, id string) (blob.Reader, error) {
	st, release, err := s.take(ctx, id)
	if err != nil {
		return nil, err
	}
	defer release()
	if len(st.Parts) == 0 {
		return tail{bytes.NewReader(st.tail)}, nil
	}
	if err := s.complete(ctx, id, st); err != nil {
		return nil, err
	}
	if err := s.reopen(ctx, id, st); err != nil {
		return nil, err
	}
	return opened(&reader{ctx: ctx, store: s, key: s.dataKey(id)}, "")
}

// tail reads an upload that is no more than its tail.
type tail struct{ *bytes.Reader }

// Close satisfies io.Closer.
func (tail) Close() error { return nil }

// CommitAs makes the upload the blob of a name that is not its digest, for who has another proof of what the
// bytes are. Everything else is as with Commit.
func (s *Store) CommitAs(ctx context.Context, id string, name blob.Digest) (int64, error) {
	return s.commit(ctx, id, name, func(st *state) blob.Digest { return blob.Sum("sha256", st.sha256.Sum(nil)) })
}

// OpenAs reads what CommitAs kept under a name. Its bytes are compared with no digest.
func (s *Store) OpenAs(ctx context.Context, name blob.Digest) (blob.Reader, error) {
	key, err := s.blobKey(name)
	if err != nil {
		return nil, err
	}
	return opened(&reader{ctx: ctx, store: s, key: key}, name)
}
