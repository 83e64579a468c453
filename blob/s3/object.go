package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
)

// ErrObject says that an object that is no blob cannot be had, and will not be at another try.
var ErrObject = errs.New(errs.NotFound, "the object cannot be read")

// ErrWrite says that an object cannot be written, and will not be at another try.
var ErrWrite = errs.New(errs.Invalid, "the object cannot be written")

// Object reads an object of any bucket that the store's endpoint has and its credentials open, if it has
// no more than limit bytes. What the store keeps itself is no such object. It returns ErrObject or blob.ErrAway.
func (s *Store) Object(ctx context.Context, bucket, key string, limit int64) ([]byte, error) {
	if reason := s.ours(bucket, key); reason != "" {
		return nil, fmt.Errorf("%w: %s", ErrObject, reason)
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

// Wider than the rules of Amazon S3, since servers of others have some of their own.
var bucketPattern = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$`)

// ours tells why an object is none of others.
func (s *Store) ours(bucket, key string) (reason string) {
	switch {
	case bucket == s.bucket && strings.HasPrefix(key, s.prefix):
		return "it lies where blobs are kept"
	case !bucketPattern.MatchString(bucket):
		return "its bucket has no name of a bucket"
	case path.Clean(key) != key || strings.HasPrefix(key, "..") || strings.HasPrefix(key, "/"): // servers over folders may follow it
		return "its key is a way through folders"
	}
	return ""
}

// WriteObject writes an object of any bucket that the store's endpoint has and its credentials open, over
// the one that is there. Nothing is written to where the store keeps its own. It returns ErrWrite or blob.ErrAway.
func (s *Store) WriteObject(ctx context.Context, bucket, key string, data []byte) error {
	if reason := s.ours(bucket, key); reason != "" {
		return fmt.Errorf("%w: %s", ErrWrite, reason)
	}
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	err = explain(err)
	if err == nil || mayPass(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrWrite, err)
}

func mayPass(err error) bool {
	return errors.Is(err, blob.ErrAway) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// notHad tells what may pass from what will not.
func notHad(err error) error {
	err = explain(err)
	switch {
	case mayPass(err):
		return err
	case errors.Is(err, errGone):
		return fmt.Errorf("%w: there is none", ErrObject)
	}
	return fmt.Errorf("%w: %w", ErrObject, err)
}
