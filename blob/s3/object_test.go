package s3_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/blob/s3"
	"slipway/blob/s3/s3test"
)

func TestObjectsOfOtherBuckets(t *testing.T) {
	server := s3test.Start(t)
	store := open(t, server, "registry")
	for name, text := range map[string]string{"config/web.env": "A=1\n", server.Bucket + "/beside.env": "B=2\n", server.Bucket + "/registry/own": "C=3\n"} {
		file := filepath.Join(server.Dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		bucket, key string
		limit       int64
		want, fails string
	}{
		{"config", "web.env", 4, "A=1\n", ""},
		{server.Bucket, "beside.env", 100, "B=2\n", ""},
		{"config", "web.env", 3, "", "larger than 3 bytes"},
		{"config", "missing.env", 100, "", "there is none"},
		{"missing", "web.env", 100, "", "cannot be read"},
		{server.Bucket, "x/../registry/own", 100, "", "a way through folders"},
		{"config", "../" + server.Bucket + "/registry/own", 100, "", "a way through folders"},
		{server.Bucket, "registry/own", 100, "", "where blobs are kept"},
		{server.Bucket, "/registry/own", 100, "", "a way through folders"},
		{server.Bucket + "/registry", "own", 100, "", "no name of a bucket"},
	} {
		got, err := store.Object(t.Context(), c.bucket, c.key, c.limit)
		if c.fails != "" {
			if !errors.Is(err, s3.ErrObject) || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s/%s: %v, want one that says %q", c.bucket, c.key, err, c.fails)
			}
			continue
		}
		if err != nil || !bytes.Equal(got, []byte(c.want)) {
			t.Errorf("%s/%s is %q, error %v", c.bucket, c.key, got, err)
		}
	}
}

func TestObjectsAreWrittenIntoOtherBuckets(t *testing.T) {
	server := s3test.Start(t)
	store := open(t, server, "registry")
	if err := os.Mkdir(filepath.Join(server.Dir, "kept"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ bucket, key, fails string }{
		{"kept", "a/b/000000.gz", ""},
		{server.Bucket, "beside/000000.gz", ""},
		{"missing", "a", "NoSuchBucket"},
		{server.Bucket, "registry/own", "where blobs are kept"},
		{server.Bucket, "/registry/own", "a way through folders"},
		{"kept", "../" + server.Bucket + "/registry/own", "a way through folders"},
		{server.Bucket + "/registry", "own", "no name of a bucket"},
	} {
		for _, text := range []string{"first", "then"} {
			err := store.WriteObject(t.Context(), c.bucket, c.key, []byte(text))
			if c.fails != "" {
				if !errors.Is(err, s3.ErrWrite) || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%s %s: %v, want %s", c.bucket, c.key, err, c.fails)
				}
				continue
			}
			if got, err2 := store.Object(t.Context(), c.bucket, c.key, 100); err != nil || err2 != nil || string(got) != text {
				t.Errorf("%s %s: %v, %v, %q", c.bucket, c.key, err, err2, got)
			}
		}
	}
}
