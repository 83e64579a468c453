package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
	"slipway/internal/errs"
)

// ErrObject says that an object that is no blob cannot be had, and will not be at another try.
var ErrObject = errs.New(errs.NotFound, "the object cannot be read")

// Object reads an object of any bucket that the store's endpoint has and its credentials open, if it has
// no more than limit bytes. What the store keeps itself is no such object. It returns ErrObject or blob.ErrAway.
func (s *Store) Object(ctx context.Context, bucket, key string, limit int64) ([]byte, error) {
	switch {
	case bucket == s.bucket && strings.HasPrefix(key, s.prefix):
		return nil, fmt.Errorf("%w: it lies where blobs are kept", ErrObject)
	case path.Clean(key) != key || strings.HasPrefix(key, ".."): // servers over folders may follow it
		return nil, fmt.Errorf("%w: its key is a way through folders", ErrObject)
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, notHad(err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
	if err != nil {
		return nil, notHad(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrObject, limit)
	}
	return data, nil
}

// notHad tells what may pass from what will not.
func notHad(err error) error {
	err = explain(err)
	switch {
	case errors.Is(err, blob.ErrAway), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errGone):
		return fmt.Errorf("%w: there is none", ErrObject)
	}
	return fmt.Errorf("%w: %w", ErrObject, err)
}
