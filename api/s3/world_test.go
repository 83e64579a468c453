package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/doortest"
	"slipway/api/s3"
	"slipway/blob/disk"
	"slipway/internal/sigv4"
	"slipway/objects"
	"slipway/store/storetest"
)

// desk is the door before a real room, and a client of the SDK that calls it as the root of an account.
type desk struct {
	*awss3.Client
	t     testing.TB
	world *doortest.World
	room  *objects.Control
	url   string
	http  *http.Client

	handler http.Handler
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	db := storetest.SQLite(t)
	blobs, err := disk.Open(t.TempDir())
	must(t, err)
	room, err := objects.New(t.Context(), db, blobs)
	must(t, err)
	world := doortest.New(t, db, func(*accounts.Control) []*awswire.Service { return nil })
	gate := world.Mux()
	handler := s3.New(room, wiretest.Region, "localhost").Before(gate, gate)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	d := &desk{t: t, world: world, room: room, url: server.URL, http: server.Client(), handler: handler}
	d.Client = d.as(world.AsRoot())
	return d
}

// as is a client that calls as somebody else.
func (d *desk) as(config aws.Config) *awss3.Client {
	return awss3.NewFromConfig(config, func(o *awss3.Options) { o.BaseEndpoint, o.UsePathStyle, o.HTTPClient = aws.String(d.url), true, d.http })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// told says that an error is of a code.
func told(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

func (d *desk) bucket(name string) *string {
	d.t.Helper()
	_, err := d.CreateBucket(d.t.Context(), &awss3.CreateBucketInput{Bucket: &name})
	must(d.t, err)
	return &name
}

func (d *desk) put(bucket *string, key, text string) *awss3.PutObjectOutput {
	d.t.Helper()
	out, err := d.PutObject(d.t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(text)})
	must(d.t, err)
	return out
}

func (d *desk) text(in *awss3.GetObjectInput) string {
	d.t.Helper()
	out, err := d.GetObject(d.t.Context(), in)
	if err != nil {
		return err.Error()
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	must(d.t, err)
	return string(b)
}

// raw sends a request that is signed by hand, and returns status and body.
func (d *desk) raw(method, path string, body []byte, headers ...string) (int, string, http.Header) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, d.url+path, bytes.NewReader(body))
	must(d.t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	if r.Header.Get("X-Amz-Content-Sha256") == "" {
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	}
	sigv4.Sign(r, nil, sigv4.Credentials{AccessKeyID: d.world.Root.ID, Secret: d.world.Root.Secret}, wiretest.Region, "s3", time.Now())
	return d.send(r)
}

func (d *desk) send(r *http.Request) (int, string, http.Header) {
	d.t.Helper()
	answer, err := d.http.Do(r)
	must(d.t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	must(d.t, err)
	return answer.StatusCode, string(b), answer.Header
}
