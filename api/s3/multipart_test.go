package s3_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func TestMultipartUploads(t *testing.T) {
	d := newDesk(t)
	b, key := d.bucket("harbour"), aws.String("big")
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha256} {
		begun, err := d.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: b, Key: key, ChecksumAlgorithm: algorithm, ContentType: aws.String("x/y")})
		must(t, err)
		whole := append(random(5<<20), random(1234)...)
		var parts []types.CompletedPart
		for i, data := range [][]byte{whole[:5<<20], whole[5<<20:]} {
			number := aws.Int32(int32(i + 1))
			p, err := d.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: b, Key: key, UploadId: begun.UploadId, PartNumber: number, Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm})
			must(t, err)
			part := types.CompletedPart{PartNumber: number, ETag: p.ETag}
			if algorithm != "" {
				part.ChecksumCRC32, part.ChecksumCRC64NVME, part.ChecksumSHA256 = p.ChecksumCRC32, p.ChecksumCRC64NVME, p.ChecksumSHA256
			}
			parts = append(parts, part)
		}
		list, err := d.ListParts(t.Context(), &awss3.ListPartsInput{Bucket: b, Key: key, UploadId: begun.UploadId, MaxParts: aws.Int32(1)})
		if err != nil || len(list.Parts) != 1 || !*list.IsTruncated || *list.NextPartNumberMarker != "1" || *list.Parts[0].Size != 5<<20 {
			t.Errorf("%s: parts %+v, %v", algorithm, list, err)
		}
		uploads, err := d.ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: b, Prefix: aws.String("bi")})
		if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *begun.UploadId {
			t.Errorf("%s: uploads %+v, %v", algorithm, uploads, err)
		}
		done, err := d.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{Bucket: b, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		got, err := d.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: key, ChecksumMode: types.ChecksumModeEnabled})
		must(t, err)
		data, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(data, whole) || *got.ETag != *done.ETag || *got.ContentType != "x/y" {
			t.Errorf("%s: got %d bytes, %v, %+v", algorithm, len(data), err, got)
		}
		about, err := d.GetObjectAttributes(t.Context(), &awss3.GetObjectAttributesInput{Bucket: b, Key: key, ObjectAttributes: types.ObjectAttributes("").Values()})
		if err != nil || *about.ObjectSize != int64(len(whole)) || *about.ObjectParts.TotalPartsCount != 2 || `"`+*about.ETag+`"` != *done.ETag || (about.Checksum == nil) != (algorithm == "") {
			t.Errorf("%s: attributes %+v, %v", algorithm, about, err)
		}
		part, err := d.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: b, Key: key, PartNumber: aws.Int32(2)})
		if err != nil || *part.PartsCount != 2 || *part.ContentLength != 1234 {
			t.Errorf("part 2 is %+v, %v", part, err)
		}
	}
	_, err := d.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: b, Key: key, PartNumber: aws.Int32(3)})
	if err == nil {
		t.Error("there is a part 3")
	}
}

func TestPartsThatAreCopiedAndUploadsThatAreGivenUp(t *testing.T) {
	d := newDesk(t)
	b, key := d.bucket("harbour"), aws.String("joined")
	d.put(b, "source", "0123456789")
	begun, err := d.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: b, Key: key})
	must(t, err)
	p, err := d.UploadPartCopy(t.Context(), &awss3.UploadPartCopyInput{
		Bucket: b, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(7), CopySource: aws.String("harbour/source"), CopySourceRange: aws.String("bytes=2-4"),
	})
	must(t, err)
	complete := func(etag *string, number int32) error {
		_, err := d.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{
			Bucket: b, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: etag, PartNumber: &number}}},
		})
		return err
	}
	_, err = d.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{
		Bucket: b, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{},
	})
	told(t, err, "MalformedXML")
	told(t, complete(aws.String("wrong"), 7), "InvalidPart")
	told(t, complete(p.CopyPartResult.ETag, 8), "InvalidPart")
	must(t, complete(p.CopyPartResult.ETag, 7))
	told(t, complete(p.CopyPartResult.ETag, 7), "NoSuchUpload")
	if got := d.text(&awss3.GetObjectInput{Bucket: b, Key: key}); got != "234" {
		t.Errorf("joined is %q", got)
	}

	begun, err = d.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: b, Key: key})
	must(t, err)
	abort := &awss3.AbortMultipartUploadInput{Bucket: b, Key: key, UploadId: begun.UploadId}
	_, err = d.AbortMultipartUpload(t.Context(), abort)
	must(t, err)
	_, err = d.AbortMultipartUpload(t.Context(), abort)
	told(t, err, "NoSuchUpload")
	_, err = d.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: b, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(nil)})
	told(t, err, "NoSuchUpload")
}
