package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"slipway/blob"
)

// Commit makes the upload the blob of that digest and ends it.
func (s *Store) Commit(ctx context.Context, id string, want blob.Digest) (int64, error) {
	return s.commit(ctx, id, want, func(*state) blob.Digest { return want })
}

// commit makes the upload the blob of a name, once its bytes are found to have the digest that is wanted.
func (s *Store) commit(ctx context.Context, id string, name blob.Digest, want func(*state) blob.Digest) (int64, error) {
	target, err := s.blobKey(name)
	if err != nil {
		return 0, err
	}
	st, release, err := s.take(ctx, id)
	if err != nil {
		return 0, err
	}
	defer release()
	if err := s.publish(ctx, id, st, want(st), target); err != nil {
		return 0, err
	}
	return st.Size, s.forget(ctx, id, st)
}

// publish puts the checked bytes under the blob's name. Whatever it began before a crash it finds again.
func (s *Store) publish(ctx context.Context, id string, st *state, want blob.Digest, target *string) error {
	if want.Algorithm() == "sha256" && blob.Sum("sha256", st.sha256.Sum(nil)) != want {
		return mismatch(blob.Sum("sha256", st.sha256.Sum(nil)), want)
	}
	if st.Multipart == "" {
		return s.publishTail(ctx, st, want, target)
	}
	if err := s.complete(ctx, id, st); err != nil {
		return err
	}
	if want.Algorithm() != "sha256" {
		if err := s.checkData(ctx, id, st, want); err != nil {
			return err
		}
	}
	if s.isThere(ctx, target, st.Size) {
		return nil
	}
	if st.Size <= maxCopy {
		return s.copyWhole(ctx, s.dataKey(id), target)
	}
	return s.copyInParts(ctx, s.dataKey(id), target, st.Size)
}

func mismatch(got, want blob.Digest) error {
	return fmt.Errorf("%w: they have %s, not %s", blob.ErrMismatch, got, want)
}

// publishTail puts an upload of less than a part, and has the bucket check what it got.
func (s *Store) publishTail(ctx context.Context, st *state, want blob.Digest, target *string) error {
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: target, Body: bytes.NewReader(st.tail)}
	if want.Algorithm() == "sha256" {
		sum, err := hex.DecodeString(want.Hex())
		if err != nil {
			return err
		}
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum))
	} else if !want.Matches(st.tail) {
		return mismatch("another digest", want)
	}
	if s.isThere(ctx, target, st.Size) {
		return nil
	}
	_, err := s.client.PutObject(ctx, in)
	return explain(err)
}

// isThere reports whether an object is there with that size. A doubt is answered by writing it again.
func (s *Store) isThere(ctx context.Context, key *string, size int64) bool {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: key})
	return err == nil && aws.ToInt64(out.ContentLength) == size
}

// complete joins the parts, with the tail as the last, to the data object, unless that was done before.
func (s *Store) complete(ctx context.Context, id string, st *state) error {
	parts := make([]string, 0, len(st.Parts)+1)
	parts = append(parts, st.Parts...)
	if len(st.tail) > 0 {
		etag, err := s.putPart(ctx, id, st.Multipart, len(parts)+1, st.tail)
		if errors.Is(err, errGone) && s.isThere(ctx, s.dataKey(id), st.Size) {
			return nil
		}
		if err != nil {
			return err
		}
		parts = append(parts, etag)
	}
	err := s.join(ctx, s.dataKey(id), st.Multipart, parts)
	if errors.Is(err, errGone) && s.isThere(ctx, s.dataKey(id), st.Size) {
		return nil
	}
	return err
}

func (s *Store) join(ctx context.Context, key *string, multipart string, etags []string) error {
	parts := make([]types.CompletedPart, len(etags))
	for i := range etags {
		parts[i] = types.CompletedPart{ETag: &etags[i], PartNumber: aws.Int32(int32(i + 1))}
	}
	_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: key, UploadId: &multipart, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return explain(err)
}

// checkData hashes the joined data, which is needed for algorithms that were not hashed on the way.
// When it has another digest, the upload is made again what it was, so that it can go on.
func (s *Store) checkData(ctx context.Context, id string, st *state, want blob.Digest) error {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.dataKey(id)})
	if err != nil {
		return explain(err)
	}
	defer out.Body.Close()
	h := blob.NewHash(want.Algorithm())
	if _, err := io.Copy(h, out.Body); err != nil {
		return explain(err)
	}
	got := blob.Sum(want.Algorithm(), h.Sum(nil))
	if got == want {
		return nil
	}
	return errors.Join(mismatch(got, want), s.reopen(ctx, id, st))
}

// reopen makes parts of the joined data again.
func (s *Store) reopen(ctx context.Context, id string, st *state) error {
	st.Multipart = ""
	if err := s.startMultipart(ctx, id, st); err != nil {
		return err
	}
	etags, err := s.copyParts(ctx, s.dataKey(id), s.dataKey(id), st.Multipart, int64(len(st.Parts))*partSize, partSize)
	if err != nil {
		return err
	}
	st.Parts = etags
	return s.save(ctx, id, st)
}
