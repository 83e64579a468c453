package s3_test

import (
	"strings"
	"testing"

	"slipway/api/awswire/wiretest"
	"slipway/blob"
	"slipway/blob/blobtest"
	"slipway/blob/s3"
)

// The door is an S3 server for our own store of blobs, as any other is.
func TestBlobsAreKeptBehindTheDoor(t *testing.T) {
	d := newDesk(t)
	d.bucket("blobs")
	t.Setenv("AWS_ACCESS_KEY_ID", d.world.Root.ID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", d.world.Root.Secret)
	open := func(t *testing.T) *s3.Store {
		s, err := s3.Open(t.Context(), "s3://blobs/"+strings.ReplaceAll(t.Name(), "#", "-")+"?endpoint="+d.url+"&region="+wiretest.Region)
		must(t, err)
		return s
	}
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t) })
	blobtest.RunNamed(t, func(t *testing.T) blobtest.Named { return open(t) })
}
