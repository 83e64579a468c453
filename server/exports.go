package server

import (
	"context"
	"errors"
	"fmt"

	"slipway/blob/s3"
	"slipway/logs"
)

// exports writes logs into buckets of the endpoint where blobs are kept.
type exports struct{ *Server }

var _ logs.Bucket = exports{}

// Put satisfies logs.Bucket. Buckets have no account, and the credentials are the managing account's, as
// with Files.
func (e exports) Put(ctx context.Context, account, bucket, key string, data []byte) error {
	switch {
	case e.files == nil:
		return fmt.Errorf("%w: Logs are exported to the endpoint where blobs are kept, and that is no bucket: start slipway with --blobs s3://BUCKET/PREFIX?endpoint=URL to export them.", logs.ErrBucket)
	case account != e.root.Owner.Account:
		return fmt.Errorf("%w: It is written with the credentials of the managing account, and for that account alone.", logs.ErrBucket)
	}
	err := e.files.WriteObject(ctx, bucket, key, data)
	if errors.Is(err, s3.ErrWrite) {
		return fmt.Errorf("%w: %s: %w", logs.ErrBucket, bucket, err)
	}
	return err
}
