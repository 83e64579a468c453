package s3_test

import (
	"bytes"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/internal/paced/pacedtest"
)

// The kernel sends the bytes of objects: nothing copies them on their way.
func TestObjectsAreSentAsFiles(t *testing.T) {
	d := newDesk(t)
	b := d.bucket("harbour")
	data := random(3 << 20)
	_, err := d.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: bytes.NewReader(data)})
	must(t, err)
	var asFile atomic.Int64
	noting := httptest.NewUnstartedServer(d.handler)
	noting.Listener = pacedtest.Listener{Listener: noting.Listener, AsFile: &asFile}
	noting.Start()
	d.url = noting.URL
	if _, text, _ := d.raw("GET", "/harbour/k", nil); text != string(data) {
		t.Errorf("got %d other bytes", len(text))
	}
	if _, text, _ := d.raw("GET", "/harbour/k", nil, "Range", "bytes=5-1048580"); text != string(data[5:1048581]) {
		t.Errorf("got %d other bytes of a range", len(text))
	}
	noting.Close() // when it has ended, all is counted
	if got, all := asFile.Load(), int64(len(data)+1<<20); got < all*9/10 {
		t.Errorf("%d of %d bytes were sent as a file", got, all)
	}
}
