package disk

import (
	"context"
	"os"

	"slipway/blob"
)

// BeginAs starts an upload that CommitAs is to end. It is not hashed as it comes; Commit would hash it then.
func (s *Store) BeginAs(_ context.Context, id string) error { return s.begin(id, nil) }

// OpenUpload reads what an upload has so far. It returns blob.ErrNoUpload.
func (s *Store) OpenUpload(ctx context.Context, id string) (blob.Reader, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return nil, err
	}
	defer u.release()
	f, err := os.Open(u.path)
	if err != nil {
		return nil, err
	}
	return reader{f, u.size}, nil
}

// OpenAs reads what CommitAs kept under a name, as Open does.
func (s *Store) OpenAs(ctx context.Context, name blob.Digest) (blob.Reader, error) {
	return s.Open(ctx, name)
}

// CommitAs makes the upload the blob of a name that is not its digest, for who has another proof of what the
// bytes are. Everything else is as with Commit.
func (s *Store) CommitAs(ctx context.Context, id string, name blob.Digest) (int64, error) {
	u, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer u.release()
	return s.commit(id, u, name)
}

// commit publishes an upload whose turn the caller has.
func (s *Store) commit(id string, u *upload, name blob.Digest) (int64, error) {
	if err := s.publish(u.path, u.size, name); err != nil {
		return 0, explain(err)
	}
	s.end(id, u)
	return u.size, nil
}
