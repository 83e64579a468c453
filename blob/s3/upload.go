package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
)

// Begin starts an upload.
func (s *Store) Begin(ctx context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	return s.save(ctx, id, &state{sha256: blob.NewHash("sha256")})
}

// turn lets one caller of this process at a time work on an upload.
type turn struct {
	taken chan struct{} // full while somebody has it
	users int
}

// take waits for the turn on an upload, and reads its state. The caller must call release.
func (s *Store) take(ctx context.Context, id string) (st *state, release func(), err error) {
	if err := checkID(id); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	t := s.turns[id]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		s.turns[id] = t
	}
	t.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(s.turns, id)
		}
	}
	select {
	case t.taken <- struct{}{}:
	case <-ctx.Done():
		leave()
		return nil, nil, ctx.Err()
	}
	release = func() { <-t.taken; leave() }
	if st, err = s.load(ctx, id); err != nil {
		release()
		return nil, nil, err
	}
	return st, release, nil
}

// Size is how many bytes an upload has.
func (s *Store) Size(ctx context.Context, id string) (int64, error) {
	st, release, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer release()
	return st.Size, nil
}

// Append adds to an upload. What came is kept when r fails, and also when the caller goes away.
func (s *Store) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	st, release, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer release()
	if offset != blob.End && offset != st.Size {
		return st.Size, fmt.Errorf("%w: it has %d bytes, these start at %d", blob.ErrOffset, st.Size, offset)
	}
	before := st.Size
	ctx = context.WithoutCancel(ctx)
	received := s.receive(ctx, id, st, r)
	if err := s.save(ctx, id, st); errors.Is(err, errChanged) {
		return before, fmt.Errorf("%w: another server received bytes for it", blob.ErrOffset)
	} else if err != nil {
		return before, errors.Join(err, received)
	}
	return st.Size, received
}

// Cancel ends an upload and forgets its bytes.
func (s *Store) Cancel(ctx context.Context, id string) error {
	st, release, err := s.take(ctx, id)
	switch {
	case errors.Is(err, blob.ErrNoUpload):
		return nil
	case errors.Is(err, errState):
		return s.forget(ctx, id, new(state))
	case err != nil:
		return err
	}
	defer release()
	return s.forget(ctx, id, st)
}

// forget removes what there is of an upload, its state last: what is left can be forgotten again.
func (s *Store) forget(ctx context.Context, id string, st *state) error {
	if st.Multipart != "" {
		_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.dataKey(id), UploadId: &st.Multipart})
		if err := explain(err); err != nil && !errors.Is(err, errGone) {
			return err
		}
		if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.dataKey(id)}); err != nil {
			return explain(err)
		}
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.stateKey(id)})
	return explain(err)
}

// Uploads lists the uploads that were begun and neither committed nor cancelled.
func (s *Store) Uploads(ctx context.Context) ([]blob.Upload, error) {
	var found []blob.Upload
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.prefix + "uploads/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err)
		}
		for _, object := range page.Contents {
			id, last, _ := strings.Cut(strings.TrimPrefix(aws.ToString(object.Key), s.prefix+"uploads/"), "/")
			if last != "state" {
				continue
			}
			st, err := s.load(ctx, id)
			if errors.Is(err, blob.ErrNoUpload) {
				continue // it ended meanwhile
			}
			if errors.Is(err, errState) {
				st, err = new(state), nil
			}
			if err != nil {
				return nil, err
			}
			found = append(found, blob.Upload{ID: id, Size: st.Size, Changed: aws.ToTime(object.LastModified)})
		}
	}
	return found, nil
}
