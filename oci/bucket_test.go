package oci_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway/blob/s3/s3test"
	"slipway/oci"
	"slipway/store/storetest"
)

// A registry whose blobs are in a bucket, and what becomes of them when the bucket is not well.

func someBytes(n int) (data, digest string) {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{2}).Read(b)
	return string(b), fmt.Sprintf("sha256:%x", sha256.Sum256(b))
}

// overBucket is a door before a bucket, with the repository "team/web".
func overBucket(t *testing.T, server s3test.Server, more string) *door {
	t.Helper()
	d := newDoorOver(t, storetest.SQLite(t), bucket(t, server, more), oci.Config{})
	d.create("team/web")
	return d
}

func TestClientsAreSentToTheBucket(t *testing.T) {
	server := s3test.Start(t)
	server.Endpoint = strings.Replace(server.Endpoint, "127.0.0.1", "localhost", 1) // another host, to which clients do not take their login
	d := overBucket(t, server, "")
	data, digest := someBytes(100_000)
	d.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
	d.do("HEAD", web+"/blobs/"+digest, "").want(200).wantHeader("Content-Length", "100000")

	follow := d.server.Client().CheckRedirect
	d.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := d.do("GET", web+"/blobs/"+digest, "").want(307).wantHeader("Docker-Content-Digest", digest).wantHeader("Cache-Control", "")
	if link := a.Header.Get("Location"); !strings.HasPrefix(link, server.Endpoint+"/") || !strings.Contains(link, "X-Amz-Expires=1200&") {
		t.Errorf("sent to %q", link)
	}
	missing := string(digestOf("missing"))
	d.do("GET", web+"/blobs/"+missing, "").fails(404, "BLOB_UNKNOWN", missing)
	d.access.denied["ecr:GetDownloadUrlForLayer"] = true
	d.do("GET", web+"/blobs/"+digest, "").wantHeader("Location", "").fails(403, "DENIED")
	delete(d.access.denied, "ecr:GetDownloadUrlForLayer")

	d.server.Client().CheckRedirect = follow
	if a := d.do("GET", web+"/blobs/"+digest, "").want(200); a.body != data {
		t.Errorf("read %d bytes of %d", len(a.body), len(data))
	}
	if a := d.do("GET", web+"/blobs/"+digest, "", "Range", "bytes=5-9").want(206); a.body != data[5:10] {
		t.Errorf("read %q, want %q", a.body, data[5:10])
	}
}

// The genuine clients leave their login behind when they are sent to another host, and are not sent where
// they would take it along.
func TestGenuineClientsAreSentToTheBucket(t *testing.T) {
	for host, sent := range map[string]bool{"localhost": true, "127.0.0.1": false} {
		u, server := newUnwell(t)
		server.Endpoint = strings.Replace(server.Endpoint, "127.0.0.1", host, 1)
		var met atomic.Int64
		u.fall(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodGet && r.URL.Query().Has("X-Amz-Signature") {
				met.Add(1)
			}
			next.ServeHTTP(w, r)
		})
		d := overBucket(t, server, "")
		for client, copies := range map[string]func(){
			"oras":                 func() { orasCopies(t, orasRepository(t, d), writeLayout(t)) },
			"containerd":           func() { containerdCopies(t, d, writeLayout(t)) },
			"go-containerregistry": func() { craneCopies(t, d, indexOfImages(types.OCIImageIndex, randomImage(t))) },
			"skopeo":               func() { skopeoCopies(t, d) },
		} {
			met.Store(0)
			copies()
			if (met.Load() > 0) != sent {
				t.Errorf("%s, with the bucket at %s: sent there %d times", client, host, met.Load())
			}
		}
	}
}

// unwell is a proxy in front of a bucket that can be made to fail.
type unwell struct {
	ill     atomic.Pointer[func(http.ResponseWriter, *http.Request, http.Handler)]
	blobs   atomic.Int64 // times that a blob was asked for
	proxy   *httputil.ReverseProxy
	backend string
}

func newUnwell(t *testing.T) (*unwell, s3test.Server) {
	t.Helper()
	server := s3test.Start(t)
	behind, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	u := &unwell{proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host }}}
	front := httptest.NewServer(u)
	t.Cleanup(front.Close)
	server.Endpoint = front.URL
	return u, server
}

func (u *unwell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/sha256/") {
		u.blobs.Add(1)
	}
	if ill := u.ill.Load(); ill != nil {
		(*ill)(w, r, u.proxy)
		return
	}
	u.proxy.ServeHTTP(w, r)
}

func (u *unwell) fall(how func(http.ResponseWriter, *http.Request, http.Handler)) { u.ill.Store(&how) }
func (u *unwell) recover()                                                        { u.ill.Store(nil) }

// change lets a reader see other bytes than those that are there.
func change(how func(body []byte) []byte) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		var whole httptest.ResponseRecorder
		whole.Body = new(bytes.Buffer)
		next.ServeHTTP(&whole, r)
		answer := whole.Result()
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		w.Write(how(whole.Body.Bytes()))
	}
}

func flip(body []byte) []byte {
	other := bytes.Clone(body)
	if len(other) > 0 {
		other[len(other)/2] ^= 1
	}
	return other
}

func TestABlobThatIsDamagedInTheBucketIsNeverWhole(t *testing.T) {
	u, server := newUnwell(t)
	d := overBucket(t, server, "?redirect=false")
	large, largeDigest := someBytes(5 << 20)
	small, smallDigest := someBytes(1000)
	d.do("POST", web+"/blobs/uploads/?digest="+largeDigest, large).want(201)
	d.do("POST", web+"/blobs/uploads/?digest="+smallDigest, small).want(201)

	u.fall(change(flip))
	if status, got, err := d.pull(largeDigest); !errors.Is(err, io.ErrUnexpectedEOF) || len(got) >= len(large) {
		t.Errorf("a large one: %d, %d bytes of %d, %v", status, len(got), len(large), err)
	}
	d.do("GET", web+"/blobs/"+smallDigest, "").fails(500, "UNKNOWN", smallDigest, "damaged")
	d.do("GET", web+"/blobs/"+smallDigest, "", "Range", "bytes=1-2").fails(500, "UNKNOWN", smallDigest, "damaged")

	u.recover()
	for digest, want := range map[string]string{largeDigest: large, smallDigest: small} {
		if status, got, err := d.pull(digest); status != 200 || got != want || err != nil {
			t.Errorf("%d, %d bytes of %d, %v", status, len(got), len(want), err)
		}
	}
}

// pull reads a blob as far as it comes.
func (d *door) pull(digest string) (int, string, error) {
	return d.try("GET", web+"/blobs/"+digest, "")
}

func TestABlobThatLostItsEndInTheBucketIsNeverWhole(t *testing.T) {
	server := s3test.Start(t)
	d := overBucket(t, server, "?redirect=false")
	data, digest := someBytes(3 << 20)
	d.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
	hex := strings.TrimPrefix(digest, "sha256:")
	if err := os.Truncate(server.Dir+"/"+server.Bucket+"/registry/sha256/"+hex[:2]+"/"+hex, 2<<20); err != nil {
		t.Fatal(err)
	}
	d.do("GET", web+"/blobs/"+digest, "").fails(500, "UNKNOWN", digest, "damaged")
	d.do("GET", web+"/blobs/"+digest, "", "Range", "bytes=0-9").fails(500, "UNKNOWN", digest, "damaged")
}

// A connection to the bucket that breaks now and then is taken up where it broke.
func TestABucketThatBreaksOffNowAndThen(t *testing.T) {
	u, server := newUnwell(t)
	d := overBucket(t, server, "?redirect=false")
	data, digest := someBytes(3 << 20)
	d.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
	u.fall(change(func(body []byte) []byte { return body[:min(len(body), 700_000)] }))
	if status, got, err := d.pull(digest); status != 200 || got != data || err != nil {
		t.Errorf("%d, %d bytes of %d, %v", status, len(got), len(data), err)
	}
	if n := u.blobs.Load(); n < 5 {
		t.Errorf("the bucket was asked %d times for five pieces", n)
	}
}

// A bucket that breaks off and then stays away leaves the client with a part that does not look whole.
func TestABucketThatGoesAwayInTheMiddle(t *testing.T) {
	u, server := newUnwell(t)
	d := overBucket(t, server, "?redirect=false")
	data, digest := someBytes(3 << 20)
	d.do("POST", web+"/blobs/uploads/?digest="+digest, data).want(201)
	begun := change(func(body []byte) []byte { return body[:min(len(body), 2<<20)] })
	u.fall(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Range") != "" {
			http.Error(w, "gone", http.StatusServiceUnavailable)
			return
		}
		begun(w, r, next)
	})
	if status, got, err := d.pull(digest); err == nil || len(got) >= len(data) {
		t.Errorf("%d, %d bytes of %d, %v", status, len(got), len(data), err)
	}
}

// While the bucket is away, what needs it is answered as such, and nothing that had come is lost.
func TestABucketThatIsAway(t *testing.T) {
	u, server := newUnwell(t)
	d := overBucket(t, server, "?redirect=false")
	data, digest := someBytes(100_000)
	_, image := d.image("team/web", "v1", "layer")
	location := d.do("POST", web+"/blobs/uploads/", "").want(202).Header.Get("Location")
	d.do("PATCH", location, data[:60_000]).want(202)

	u.fall(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, "away", http.StatusInternalServerError)
	})
	d.do("POST", web+"/blobs/uploads/", "").wantHeader("Retry-After", "60").fails(503, "UNAVAILABLE")
	d.do("GET", location, "").fails(503, "UNAVAILABLE")
	d.do("PATCH", location, data[60_000:]).fails(503, "UNAVAILABLE")
	d.do("PUT", location+"?digest="+digest, "").fails(503, "UNAVAILABLE")
	d.do("GET", web+"/blobs/"+string(digestOf("layer")), "").fails(503, "UNAVAILABLE")
	d.do("GET", web+"/manifests/v1", "").want(200).wantHeader("Docker-Content-Digest", string(image))
	d.do("HEAD", web+"/blobs/"+string(digestOf("layer")), "").want(200)

	u.recover()
	d.do("GET", location, "").want(204).wantHeader("Range", "0-59999")
	d.do("PATCH", location, data[60_000:], "Content-Range", "60000-99999").want(202)
	d.do("PUT", location+"?digest="+digest, "").want(201)
	if status, got, err := d.pull(digest); status != 200 || got != data || err != nil {
		t.Errorf("%d, %d bytes of %d, %v", status, len(got), len(data), err)
	}
}

// A bucket that keeps other bytes than it was given does not make a blob of them that looks whole.
func TestABucketThatChangesWhatItIsGiven(t *testing.T) {
	u, server := newUnwell(t)
	d := overBucket(t, server, "?redirect=false")
	for _, size := range []int{1000, 20 << 20} {
		data, digest := someBytes(size)
		u.fall(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodPut && r.ContentLength > 900 && !strings.HasSuffix(r.URL.Path, "/state") {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(flip(body)))
			}
			next.ServeHTTP(w, r)
		})
		d.do("POST", web+"/blobs/uploads/?digest="+digest, data).fails(503, "UNAVAILABLE")
		u.recover()
		d.do("HEAD", web+"/blobs/"+digest, "").want(404)
	}
}
