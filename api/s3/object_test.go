package s3_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"slipway/api/awswire/wiretest"
	"slipway/internal/sigv4"
)

func TestObjects(t *testing.T) {
	d := newDesk(t)
	b := d.bucket("harbour")
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		for _, key := range []string{"plain", "a//b/../c ", "ü+%&=?#", "-", strings.Repeat("k", 1024)} {
			out, err := d.PutObject(t.Context(), &awss3.PutObjectInput{
				Bucket: b, Key: &key, Body: strings.NewReader("of " + key), ChecksumAlgorithm: algorithm, ContentType: aws.String("text/plain"), CacheControl: aws.String("no-store"),
				Metadata: map[string]string{"Colour": "blue"}, Tagging: aws.String("team=sea&x=y%20z"),
			})
			if err != nil {
				t.Fatalf("%s, %q: %v", algorithm, key, err)
			}
			got, err := d.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
			must(t, err)
			got.Body.Close()
			if *got.ETag != *out.ETag || *got.ContentType != "text/plain" || *got.CacheControl != "no-store" || got.Metadata["colour"] != "blue" || *got.TagCount != 2 || got.VersionId != nil ||
				time.Since(*got.LastModified) > time.Hour {
				t.Errorf("%q is %+v", key, got)
			}
			if text := d.text(&awss3.GetObjectInput{Bucket: b, Key: &key}); text != "of "+key {
				t.Errorf("%q is %q", key, text)
			}
		}
	}
	list, err := d.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: b, MaxKeys: aws.Int32(2)})
	if err != nil || *list.KeyCount != 2 || !*list.IsTruncated || *list.Contents[0].Key != "-" || *list.Contents[1].Key != "a//b/../c " {
		t.Errorf("list %+v, %v", list, err)
	}
	list, err = d.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: b, ContinuationToken: list.NextContinuationToken})
	if err != nil || *list.KeyCount != 3 || *list.IsTruncated || *list.Contents[2].Key != "ü+%&=?#" {
		t.Errorf("list %+v, %v", list, err)
	}
	first, err := d.ListObjects(t.Context(), &awss3.ListObjectsInput{Bucket: b, Delimiter: aws.String("/"), Prefix: aws.String("a")})
	if err != nil || len(first.Contents) != 0 || *first.CommonPrefixes[0].Prefix != "a/" {
		t.Errorf("list %+v, %v", first, err)
	}
	_, err = d.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: b})
	told(t, err, "BucketNotEmpty")
	gone, err := d.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("plain")}, {Key: aws.String("a//b/../c ")}, {Key: aws.String("ü+%&=?#")}, {Key: aws.String("-")}, {Key: aws.String(strings.Repeat("k", 1024))}, {Key: aws.String("none")},
		{Key: aws.String(strings.Repeat("k", 1025))},
	}}})
	if err != nil || len(gone.Deleted) != 6 || len(gone.Errors) != 1 || *gone.Errors[0].Code != "KeyTooLongError" {
		t.Errorf("deleted %+v, %v", gone, err)
	}
	_, err = d.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: b})
	must(t, err)
	_, err = d.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: b})
	told(t, err, "NotFound")
}

func TestPartsOfAnObject(t *testing.T) {
	d := newDesk(t)
	b, key := d.bucket("harbour"), aws.String("k")
	d.put(b, *key, "0123456789")
	for header, want := range map[string]string{
		"bytes=2-4": "234", "bytes=8-": "89", "bytes=-3": "789", "bytes=-99": "0123456789", "bytes=5-99": "56789", "bytes=0-0": "0",
		"bytes=4-2": "0123456789", "items=0-1": "0123456789", "bytes=0-1,3-4": "0123456789",
	} {
		if got := d.text(&awss3.GetObjectInput{Bucket: b, Key: key, Range: &header}); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	for _, header := range []string{"bytes=10-", "bytes=-0"} {
		_, err := d.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: key, Range: &header})
		told(t, err, "InvalidRange")
	}
	out, err := d.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: key, Range: aws.String("bytes=2-4"), ResponseContentType: aws.String("a/b")})
	must(t, err)
	out.Body.Close()
	if *out.ContentRange != "bytes 2-4/10" || *out.ContentLength != 3 || *out.ContentType != "a/b" {
		t.Errorf("answered %+v", out)
	}
}

func TestConditions(t *testing.T) {
	d := newDesk(t)
	b, key := d.bucket("harbour"), aws.String("k")
	etag := d.put(b, *key, "x").ETag
	before, after := aws.Time(time.Now().Add(-time.Hour)), aws.Time(time.Now().Add(time.Hour))
	for name, row := range map[string]struct {
		in   awss3.GetObjectInput
		want int
	}{
		"match":                     {awss3.GetObjectInput{IfMatch: etag}, 200},
		"no match":                  {awss3.GetObjectInput{IfMatch: aws.String(`"x"`)}, 412},
		"none match":                {awss3.GetObjectInput{IfNoneMatch: etag}, 304},
		"one matches":               {awss3.GetObjectInput{IfNoneMatch: aws.String(`"x"`)}, 200},
		"modified":                  {awss3.GetObjectInput{IfModifiedSince: before}, 200},
		"not modified":              {awss3.GetObjectInput{IfModifiedSince: after}, 304},
		"unmodified":                {awss3.GetObjectInput{IfUnmodifiedSince: after}, 200},
		"modified after":            {awss3.GetObjectInput{IfUnmodifiedSince: before}, 412},
		"match and modified":        {awss3.GetObjectInput{IfMatch: etag, IfUnmodifiedSince: before}, 200},
		"none matches, not changed": {awss3.GetObjectInput{IfNoneMatch: aws.String(`"x"`), IfModifiedSince: after}, 200},
	} {
		row.in.Bucket, row.in.Key = b, key
		out, err := d.GetObject(t.Context(), &row.in)
		if err == nil {
			out.Body.Close()
		}
		if ok := fmt.Sprint(err); err == nil && row.want != 200 || err != nil && !strings.Contains(ok, fmt.Sprintf("StatusCode: %d", row.want)) {
			t.Errorf("%s: %v, want %d", name, err, row.want)
		}
	}
	put := func(change func(*awss3.PutObjectInput)) error {
		in := &awss3.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader("y")}
		change(in)
		_, err := d.PutObject(t.Context(), in)
		return err
	}
	told(t, put(func(in *awss3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }), "PreconditionFailed")
	told(t, put(func(in *awss3.PutObjectInput) { in.IfMatch = aws.String(`"x"`) }), "PreconditionFailed")
	must(t, put(func(in *awss3.PutObjectInput) { in.IfMatch = etag }))
	must(t, put(func(in *awss3.PutObjectInput) { in.Key, in.IfNoneMatch = aws.String("new"), aws.String("*") }))
	told(t, put(func(in *awss3.PutObjectInput) { in.Key, in.IfMatch = aws.String("other"), etag }), "NoSuchKey")
}

func TestCopies(t *testing.T) {
	d := newDesk(t)
	b, other := d.bucket("harbour"), d.bucket("other")
	d.put(b, "a b/ü", "text")
	out, err := d.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: other, Key: aws.String("copy"), CopySource: aws.String("harbour/a%20b/%C3%BC")})
	if err != nil || *out.CopyObjectResult.ETag != `"1cb251ec0d568de6a929b520c4aed8d1"` {
		t.Fatalf("copied %+v, %v", out, err)
	}
	if got := d.text(&awss3.GetObjectInput{Bucket: other, Key: aws.String("copy")}); got != "text" {
		t.Errorf("the copy is %q", got)
	}
	_, err = d.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: other, Key: aws.String("copy"), CopySource: aws.String("other/copy")})
	told(t, err, "InvalidRequest")
	_, err = d.CopyObject(t.Context(), &awss3.CopyObjectInput{
		Bucket: other, Key: aws.String("copy"), CopySource: aws.String("other/copy"), MetadataDirective: types.MetadataDirectiveReplace, ContentType: aws.String("x/y"),
	})
	must(t, err)
	head, err := d.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: other, Key: aws.String("copy")})
	if err != nil || *head.ContentType != "x/y" {
		t.Errorf("%+v, %v", head, err)
	}
	_, err = d.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: other, Key: aws.String("x"), CopySource: aws.String("harbour/none")})
	told(t, err, "NoSuchKey")
}

func TestVersionsOfObjects(t *testing.T) {
	d := newDesk(t)
	b, key := d.bucket("harbour"), aws.String("k")
	_, err := d.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	must(t, err)
	got, err := d.GetBucketVersioning(t.Context(), &awss3.GetBucketVersioningInput{Bucket: b})
	if err != nil || got.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("versioning %+v, %v", got, err)
	}
	one, two := d.put(b, *key, "one"), d.put(b, *key, "two")
	if got := d.text(&awss3.GetObjectInput{Bucket: b, Key: key, VersionId: one.VersionId}); got != "one" {
		t.Errorf("version one is %q", got)
	}
	gone, err := d.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: b, Key: key})
	if err != nil || !*gone.DeleteMarker {
		t.Errorf("deleted %+v, %v", gone, err)
	}
	_, err = d.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: key})
	told(t, err, "NoSuchKey")
	_, err = d.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: key, VersionId: gone.VersionId})
	told(t, err, "MethodNotAllowed")
	all, err := d.ListObjectVersions(t.Context(), &awss3.ListObjectVersionsInput{Bucket: b, MaxKeys: aws.Int32(2)})
	if err != nil || len(all.DeleteMarkers) != 1 || len(all.Versions) != 1 || *all.Versions[0].VersionId != *two.VersionId || !*all.IsTruncated {
		t.Fatalf("versions %+v, %v", all, err)
	}
	all, err = d.ListObjectVersions(t.Context(), &awss3.ListObjectVersionsInput{Bucket: b, KeyMarker: all.NextKeyMarker, VersionIdMarker: all.NextVersionIdMarker})
	if err != nil || len(all.Versions) != 1 || *all.Versions[0].VersionId != *one.VersionId || *all.IsTruncated {
		t.Fatalf("versions %+v, %v", all, err)
	}
	_, err = d.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: b, Key: key, VersionId: gone.VersionId})
	must(t, err)
	if got := d.text(&awss3.GetObjectInput{Bucket: b, Key: key}); got != "two" {
		t.Errorf("the latest is %q", got)
	}
}

func TestPresignedRequests(t *testing.T) {
	d := newDesk(t)
	b := d.bucket("harbour")
	presign := awss3.NewPresignClient(d.Client)
	put, err := presign.PresignPutObject(t.Context(), &awss3.PutObjectInput{Bucket: b, Key: aws.String("a b")})
	must(t, err)
	r, err := http.NewRequest(put.Method, put.URL, strings.NewReader("presigned"))
	must(t, err)
	if status, text, _ := d.send(r); status != 200 {
		t.Fatalf("put: %d %s", status, text)
	}
	get, err := presign.PresignGetObject(t.Context(), &awss3.GetObjectInput{Bucket: b, Key: aws.String("a b")})
	must(t, err)
	r, err = http.NewRequest(get.Method, get.URL, nil)
	must(t, err)
	if status, text, _ := d.send(r); status != 200 || text != "presigned" {
		t.Errorf("got %d %q", status, text)
	}
	r, err = http.NewRequest(get.Method, strings.Replace(get.URL, "a%20b", "other", 1), nil)
	must(t, err)
	if status, text, _ := d.send(r); status != 403 || !strings.Contains(text, "<Code>SignatureDoesNotMatch</Code>") {
		t.Errorf("another key: %d %s", status, text)
	}
	r, err = http.NewRequest("GET", d.url+"/harbour/a%20b", nil)
	must(t, err)
	sigv4.Presign(r, nil, sigv4.Credentials{AccessKeyID: d.world.Root.ID, Secret: d.world.Root.Secret}, wiretest.Region, "s3", time.Now().Add(-time.Hour), time.Minute)
	if status, text, _ := d.send(r); status != 403 || !strings.Contains(text, "Request has expired") {
		t.Errorf("too late: %d %s", status, text)
	}
	r, err = http.NewRequest("GET", d.url+"/harbour/a%20b?AWSAccessKeyId=x&Signature=y&Expires=1", nil)
	must(t, err)
	if status, text, _ := d.send(r); status != 400 || !strings.Contains(text, "Please use AWS4-HMAC-SHA256") {
		t.Errorf("signed as of old: %d %s", status, text)
	}
}
