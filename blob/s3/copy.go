package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	maxCopy  = 1 << 30   // what is copied in one call; S3 takes 5 GiB, but several calls at once are faster
	copySize = 512 << 20 // of a part that is copied
	copiers  = 4         // parts copied at once
)

// source names an object as the header x-amz-copy-source does.
func (s *Store) source(key *string) *string {
	return aws.String(s.bucket + "/" + (&url.URL{Path: *key}).EscapedPath())
}

func (s *Store) copyWhole(ctx context.Context, from, to *string) error {
	_, err := s.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &s.bucket, Key: to, CopySource: s.source(from)})
	return explain(err)
}

func (s *Store) copyInParts(ctx context.Context, from, to *string, size int64) error {
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: to})
	if err != nil {
		return explain(err)
	}
	etags, err := s.copyParts(ctx, from, to, *out.UploadId, size, copySize)
	if err == nil {
		err = s.join(ctx, to, *out.UploadId, etags)
	}
	if err != nil {
		_, aborted := s.client.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: to, UploadId: out.UploadId})
		return errors.Join(err, explain(aborted))
	}
	return nil
}

// copyParts makes parts of the first size bytes of an object, each of them each bytes long but the last.
func (s *Store) copyParts(ctx context.Context, from, to *string, multipart string, size, each int64) ([]string, error) {
	n := (size + each - 1) / each
	etags, errs := make([]string, n), make([]error, n)
	slots := make(chan struct{}, copiers)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			etags[i], errs[i] = s.copyPart(ctx, from, to, multipart, i, i*each, min((i+1)*each, size))
			<-slots
		})
	}
	all.Wait()
	return etags, errors.Join(errs...)
}

func (s *Store) copyPart(ctx context.Context, from, to *string, multipart string, i, start, end int64) (etag string, err error) {
	out, err := s.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: &s.bucket, Key: to, UploadId: &multipart, PartNumber: aws.Int32(int32(i + 1)),
		CopySource: s.source(from), CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", start, end-1)),
	})
	if err != nil {
		return "", explain(err)
	}
	return aws.ToString(out.CopyPartResult.ETag), nil
}
