package server

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	s3api "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway/blob"
	"slipway/blob/s3"
	"slipway/blob/s3/s3test"
	"slipway/store/storetest"
)

// replicas are two servers with a data folder each, over one database and one bucket, which have in
// common the master key and the repository "web".
type replicas struct {
	t      *testing.T
	bucket s3test.Server
	at     [2]*Server
	login  string
}

func newReplicas(t *testing.T) *replicas {
	t.Helper()
	r := &replicas{t: t, bucket: s3test.Start(t)}
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	r.bucket.Endpoint = strings.Replace(r.bucket.Endpoint, "127.0.0.1", "localhost", 1) // another host, to which clients do not take their login
	url := storetest.PostgresURL(t)
	r.at[0] = open(t, func(c *Config) { c.Store, c.Blobs = url, r.bucket.Location("layers") })
	r.at[1] = open(t, func(c *Config) {
		c.Store, c.Blobs = url, r.bucket.Location("layers")
		must(t, os.MkdirAll(c.Data, 0o700))
		key, err := os.ReadFile(filepath.Join(r.at[0].config.Data, "master.key"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(c.Data, "master.key"), key, 0o600))
	})
	for _, s := range r.at {
		run(t, s)
	}
	_, err := ecr.NewFromConfig(r.at[0].asRoot()).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")})
	must(t, err)
	r.login = login(t, r.at[1].asRoot())
	return r
}

// do asks one of the servers and reads the answer.
func (r *replicas) do(server int, method, path string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.at[server].config.Advertise+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	user, password, _ := strings.Cut(r.login, ":")
	req.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, text, err
}

func (r *replicas) want(status, server int, method, path string, body []byte) (*http.Response, []byte) {
	r.t.Helper()
	res, text, err := r.do(server, method, path, body)
	must(r.t, err)
	if res.StatusCode != status {
		r.t.Fatalf("%s %s at %d: %s %.300s, want %d", method, path, server, res.Status, text, status)
	}
	return res, text
}

func someBytes(n int) (data []byte, digest string) {
	data = make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data, fmt.Sprintf("sha256:%x", sha256.Sum256(data))
}

// objects are the names below the prefix of the bucket.
func (r *replicas) objects(below string) (found []string) {
	r.t.Helper()
	root := filepath.Join(r.bucket.Dir, r.bucket.Bucket, "layers", below)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		must(r.t, err)
	}
	return found
}

func TestServersOverOneDatabaseAndOneBucketAreOneRegistry(t *testing.T) {
	r := newReplicas(t)
	data, digest := someBytes(20 << 20)
	started, _ := r.want(202, 0, "POST", "/v2/web/blobs/uploads/", nil)
	upload := started.Header.Get("Location")
	r.want(202, 1, "PATCH", upload, data[:9<<20])
	r.want(202, 0, "PATCH", upload, data[9<<20:10<<20])
	if res, _ := r.want(204, 1, "GET", upload, nil); res.Header.Get("Range") != fmt.Sprintf("0-%d", 10<<20-1) {
		t.Errorf("the upload has %s", res.Header.Get("Range"))
	}
	r.want(202, 1, "PATCH", upload, data[10<<20:])
	r.want(201, 0, "PUT", upload+"?digest="+digest, nil)
	for at := range r.at {
		res, got := r.want(200, at, "GET", "/v2/web/blobs/"+digest, nil)
		if !bytes.Equal(got, data) || res.Request.URL.Host != r.bucket.Endpoint[len("http://"):] {
			t.Errorf("read %d bytes of %d from %s", len(got), len(data), res.Request.URL.Host)
		}
	}
	m := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/x","digest":"%s","size":%d},"layers":[]}`, digest, len(data)))
	r.want(201, 1, "PUT", "/v2/web/manifests/v1", m)
	if _, got := r.want(200, 0, "GET", "/v2/web/manifests/v1", nil); !bytes.Equal(got, m) {
		t.Errorf("the manifest is %s", got)
	}
}

func TestManyClientsPushOneLayerAtOnce(t *testing.T) {
	r := newReplicas(t)
	data, digest := someBytes(300_000)
	const clients = 50
	failed := make([]error, clients)
	var pushing sync.WaitGroup
	for i := range clients {
		pushing.Go(func() { failed[i] = r.push(i, data, digest) })
	}
	pushing.Wait()
	must(t, errors.Join(failed...))
	if found := r.objects(""); len(found) != 1 || !strings.HasSuffix(found[0], digest[len("sha256:"):]) {
		t.Errorf("the bucket has %d objects: %v", len(found), found)
	}
	bucket, err := s3.Open(t.Context(), r.bucket.Location("layers"))
	must(t, err)
	content, err := bucket.Open(t.Context(), blob.Digest(digest))
	must(t, err)
	defer content.Close()
	if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the object has %d bytes, %v", len(got), err)
	}
}

// push uploads as docker does: start at one server, bytes at the other, and the end at the first.
func (r *replicas) push(client int, data []byte, digest string) error {
	one, other := client%2, 1-client%2
	res, text, err := r.do(one, "POST", "/v2/web/blobs/uploads/", nil)
	if err != nil || res.StatusCode != 202 {
		return fmt.Errorf("client %d starts: %v %s", client, err, text)
	}
	upload := res.Header.Get("Location")
	if res, text, err = r.do(other, "PATCH", upload, data); err != nil || res.StatusCode != 202 {
		return fmt.Errorf("client %d appends: %v %s", client, err, text)
	}
	if res, text, err = r.do(one, "PUT", upload+"?digest="+digest, nil); err != nil || res.StatusCode != 201 {
		return fmt.Errorf("client %d ends: %v %s", client, err, text)
	}
	if res, _, err = r.do(other, "HEAD", "/v2/web/blobs/"+digest, nil); err != nil || res.StatusCode != 200 {
		return fmt.Errorf("client %d looks: %v", client, err)
	}
	return nil
}

// Servers over one database with a folder each have not the same bytes: each says so once, and an object that is at the other
// is not told as lost.
func TestServersWithAFolderEachAreWarnedOf(t *testing.T) {
	var logged logLines
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	t.Cleanup(func() { slog.SetDefault(was) })
	url := storetest.PostgresURL(t)
	first := open(t, func(c *Config) { c.Store = url })
	run(t, first)
	clients := []*s3api.Client{bucketsOf(first)}
	bucket, key := aws.String("apart"), aws.String("ship")
	_, err := clients[0].CreateBucket(t.Context(), &s3api.CreateBucketInput{Bucket: bucket})
	must(t, err)
	_, err = clients[0].PutObject(t.Context(), &s3api.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("ahoy")})
	must(t, err)
	if logged.count(bytesApartHint) > 0 {
		t.Error("a server that is alone warns")
	}
	second := open(t, func(c *Config) {
		c.Store = url
		must(t, os.MkdirAll(c.Data, 0o700))
		key, err := os.ReadFile(filepath.Join(first.config.Data, "master.key"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(c.Data, "master.key"), key, 0o600))
	})
	run(t, second)
	for logged.count(bytesApartHint) < 2 && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	_, err = bucketsOf(second).GetObject(t.Context(), &s3api.GetObjectInput{Bucket: bucket, Key: key})
	if !isFault(err, "ServiceUnavailable", "The bytes of this object are not at this server.") {
		t.Errorf("where the bytes are not: %v", err)
	}
	for _, s := range []*Server{first, second} {
		found, err := s.meet(t.Context())
		must(t, err)
		if len(found) != 1 || !found[0].folder {
			t.Errorf("it knows of %+v", found)
		}
	}
	if n := logged.count(bytesApartHint); n != 2 {
		t.Errorf("it is said %d times, want once by each", n)
	}
}

func bucketsOf(s *Server) *s3api.Client {
	return s3api.NewFromConfig(s.asRoot(), func(o *s3api.Options) { o.UsePathStyle, o.RetryMaxAttempts = true, 1 })
}

// logLines is a log that is read while it is written.
type logLines struct {
	mu   sync.Mutex
	text []byte
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *logLines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text, []byte(what))
}
