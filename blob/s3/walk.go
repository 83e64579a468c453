package s3

import (
	"context"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"slipway/blob"
)

// Walk calls f for the blobs, a page of the bucket's list at a time.
func (s *Store) Walk(ctx context.Context, after blob.Digest, f func(blob.Digest, int64, time.Time) error) error {
	for _, algorithm := range []string{"sha256", "sha512"} {
		if name, _, _ := strings.Cut(string(after), ":"); name > algorithm {
			continue
		}
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(*s.key(algorithm) + "/")}
		if after.Algorithm() == algorithm {
			in.StartAfter, _ = s.blobKey(after)
		}
		pages := s3.NewListObjectsV2Paginator(s.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return explain(err)
			}
			if err := walkPage(page.Contents, algorithm, after, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func walkPage(objects []types.Object, algorithm string, after blob.Digest, f func(blob.Digest, int64, time.Time) error) error {
	for _, object := range objects {
		d, err := blob.ParseDigest(algorithm + ":" + path.Base(aws.ToString(object.Key)))
		if err != nil || d <= after {
			continue // not ours, or from a server that begins where it likes
		}
		if err := f(d, aws.ToInt64(object.Size), aws.ToTime(object.LastModified)); err != nil {
			return err
		}
	}
	return nil
}
