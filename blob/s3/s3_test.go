package s3_test

import (
	"bytes"
	"crypto/sha512"
	"errors"
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
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
	"slipway/blob/blobtest"
	"slipway/blob/s3"
	"slipway/blob/s3/s3test"
	"slipway/internal/ids"
)

func open(t *testing.T, server s3test.Server, prefix string) *s3.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // ours, perhaps: not followed
	s, err := s3.Open(t.Context(), server.Location(prefix))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	server := s3test.Start(t)
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, server, t.Name()) })
}

func TestNamed(t *testing.T) {
	server := s3test.Start(t)
	blobtest.RunNamed(t, func(t *testing.T) blobtest.Named { return open(t, server, t.Name()) })
}

func random(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(data)
	return data
}

func begin(t *testing.T, s *s3.Store, data []byte) string {
	t.Helper()
	id := ids.UUID()
	if err := s.Begin(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Append(t.Context(), id, 0, bytes.NewReader(data)); n != int64(len(data)) || err != nil {
		t.Fatalf("appended %d of %d bytes: %v", n, len(data), err)
	}
	return id
}

func read(t *testing.T, s *s3.Store, d blob.Digest) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// An upload of many parts goes from server to server, is cut, and ends as it should.
func TestUploadOfManyPartsMovesBetweenServers(t *testing.T) {
	server := s3test.Start(t)
	data := random(37<<20 + 11)
	one, two := open(t, server, ""), open(t, server, "")
	id := begin(t, one, data[:20<<20])
	cut := io.MultiReader(bytes.NewReader(data[20<<20:30<<20]), &failing{})
	if n, err := two.Append(t.Context(), id, 20<<20, cut); n != 30<<20 || !errors.Is(err, errCut) {
		t.Fatalf("the cut upload has %d bytes, %v", n, err)
	}
	if n, err := one.Append(t.Context(), id, blob.End, bytes.NewReader(data[30<<20:])); n != int64(len(data)) || err != nil {
		t.Fatalf("went on to %d bytes, %v", n, err)
	}
	if _, err := two.Commit(t.Context(), id, blob.DigestOf(data[1:])); !errors.Is(err, blob.ErrMismatch) {
		t.Fatalf("committed as other bytes: %v", err)
	}
	if n, err := two.Commit(t.Context(), id, blob.DigestOf(data)); n != int64(len(data)) || err != nil {
		t.Fatalf("committed %d bytes, %v", n, err)
	}
	if !bytes.Equal(read(t, one, blob.DigestOf(data)), data) {
		t.Error("read other bytes")
	}
	if left, err := one.Uploads(t.Context()); len(left) != 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// With an algorithm that was not hashed on the way, a wrong digest is found out late, and the
// upload can go on all the same.
func TestUploadOfManyPartsOutlivesAWrongSHA512(t *testing.T) {
	s := open(t, s3test.Start(t), "")
	data := random(19 << 20)
	id := begin(t, s, data[:18<<20])
	sum := sha512.Sum512(data)
	want := blob.Sum("sha512", sum[:])
	if _, err := s.Commit(t.Context(), id, want); !errors.Is(err, blob.ErrMismatch) {
		t.Fatalf("committed too early: %v", err)
	}
	if n, err := s.Append(t.Context(), id, 18<<20, bytes.NewReader(data[18<<20:])); n != 19<<20 || err != nil {
		t.Fatalf("went on to %d bytes, %v", n, err)
	}
	if _, err := s.Commit(t.Context(), id, want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, s, want), data) {
		t.Error("read other bytes")
	}
}

func TestLinkIsReadByAnybody(t *testing.T) {
	s := open(t, s3test.Start(t), "some/prefix")
	data := random(1000)
	d := blob.DigestOf(data)
	if _, err := s.Commit(t.Context(), begin(t, s, data), d); err != nil {
		t.Fatal(err)
	}
	link, err := s.Link(t.Context(), d, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%s: read %d bytes, %v", answer.Status, len(got), err)
	}
}

func TestNoLinkToABucketThatClientsCannotReach(t *testing.T) {
	server := s3test.Start(t)
	server.Endpoint += "&redirect=false"
	if link, err := open(t, server, "").Link(t.Context(), blob.DigestOf(nil), time.Minute); link != "" || err != nil {
		t.Errorf("link %q, %v", link, err)
	}
}

func TestPlacesThatAreRefused(t *testing.T) {
	for _, location := range []string{"", "s3://", "http://bucket/", "s3://key:secret@bucket/", "s3://key:secret@bu cket/", "s3://bucket?path=style", "s3://bucket?path-style=perhaps", "s3://bucket?redirect=perhaps"} {
		if _, err := s3.Open(t.Context(), location); !errors.Is(err, s3.ErrLocation) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", location, err)
		}
	}
	server := s3test.Start(t)
	server.Bucket = "nothing"
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	if _, err := s3.Open(t.Context(), server.Location("")); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a bucket that is not there: %v", err)
	}
}

// What a server lost or changed is not taken for the blob.
func TestABucketThatLosesBytes(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server, "")
	data := random(3000)
	d := blob.DigestOf(data)
	if _, err := s.Commit(t.Context(), begin(t, s, data), d); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(server.Dir+"/"+server.Bucket+"/sha256/"+d.Hex()[:2]+"/"+d.Hex(), 100); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err == nil && !bytes.Equal(got, data) {
		t.Errorf("%d bytes of 3000 were taken for all", len(got))
	}
	id := begin(t, s, data) // pushed anew, it is whole again
	if _, err := s.Commit(t.Context(), id, d); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, s, d), data) {
		t.Error("read other bytes")
	}
}

// A blob that is read as a whole ends in an error when it is not what it was, and not with its last bytes.
func TestABucketThatChangesBytes(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server, "")
	data := random(3 << 20)
	d := blob.DigestOf(data)
	if _, err := s.Commit(t.Context(), begin(t, s, data), d); err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(data)
	other[1000]++
	if err := os.WriteFile(server.Dir+"/"+server.Bucket+"/sha256/"+d.Hex()[:2]+"/"+d.Hex(), other, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); !errors.Is(err, blob.ErrDamaged) || len(got) >= len(data) {
		t.Errorf("read %d bytes of %d, %v", len(got), len(data), err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("read once more: %v", err)
	}
}

// The tail of an upload is hashed when it comes, so that it has to be the same when it is used.
func TestABucketThatChangesTheTailOfAnUpload(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server, "")
	id := begin(t, s, random(9<<20))
	name := server.Dir + "/" + server.Bucket + "/uploads/" + id + "/state"
	state, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	state[len(state)-10]++
	if err := os.WriteFile(name, state, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), id, blob.DigestOf(random(9<<20))); err == nil {
		t.Error("committed with a tail that had changed")
	}
	if left, err := s.Uploads(t.Context()); len(left) != 1 || err != nil {
		t.Errorf("uploads %v, %v", left, err)
	}
	if err := s.Cancel(t.Context(), id); err != nil {
		t.Error(err)
	}
	if left, err := s.Uploads(t.Context()); len(left) != 0 || err != nil {
		t.Errorf("uploads %v after it was given up, %v", left, err)
	}
}

func TestAServerThatIsAway(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	if _, err := s3.Open(t.Context(), "s3://blobs?endpoint=http://127.0.0.1:1"); !errors.Is(err, blob.ErrAway) {
		t.Errorf("error %v", err)
	}
}

var errCut = errors.New("connection reset")

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errCut }

// Of two servers that take bytes for one upload at once, one is told that it was not alone.
func TestTwoServersAppendAtOnce(t *testing.T) {
	server := s3test.Start(t)
	one, two := open(t, server, ""), open(t, server, "")
	data := random(1 << 20)
	id := begin(t, one, nil)
	waiting := &afterwards{Reader: bytes.NewReader(data), then: func() {
		if _, err := two.Append(t.Context(), id, 0, bytes.NewReader(data[:1000])); err != nil {
			t.Error(err)
		}
	}}
	if n, err := one.Append(t.Context(), id, 0, waiting); !errors.Is(err, blob.ErrOffset) {
		t.Errorf("appended up to %d: %v", n, err)
	}
	if n, err := one.Size(t.Context(), id); n != 1000 || err != nil {
		t.Errorf("the upload has %d bytes, %v", n, err)
	}
}

// afterwards does something else before it says that it is at its end.
type afterwards struct {
	io.Reader
	then func()
}

func (a *afterwards) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err == io.EOF && a.then != nil {
		a.then()
		a.then = nil
	}
	return n, err
}

// A server in front of the bucket that fails now and then costs time, but no bytes.
func TestABucketThatFailsNowAndThen(t *testing.T) {
	server := s3test.Start(t)
	behind, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host }}
	var calls atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1)%4 == 0 {
			http.Error(w, "slow down", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	client := awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: &front.URL, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s3test.AccessKey, s3test.Secret, ""),
		Retryer:     retry.AddWithMaxBackoffDelay(retry.NewStandard(), 10*time.Millisecond),
	})
	s := s3.New(client, server.Bucket, "")
	for i := range 5 {
		data := random(9<<20 + i)
		if _, err := s.Commit(t.Context(), begin(t, s, data), blob.DigestOf(data)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, s, blob.DigestOf(data)), data) {
			t.Error("read other bytes")
		}
	}
}
