package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// What goes wrong on the way into the registry is told with the value that is wrong, and nothing of it stays.
func TestBadPushes(t *testing.T) {
	t.Parallel()
	c := startServer(t)
	r := c.newRegistryUser("web")
	layer := []byte("a layer")
	missing := digestOf([]byte("never pushed"))

	t.Run("a digest that the bytes do not have", func(t *testing.T) {
		begun := r.call(t, "POST", "/v2/web/blobs/uploads/", nil)
		refused := r.call(t, "PUT", begun.location+"?digest="+missing, layer)
		refused.wants(t, http.StatusBadRequest, "DIGEST_INVALID", missing)
		for _, digest := range []string{missing, digestOf(layer)} {
			r.call(t, "GET", "/v2/web/blobs/"+digest, nil).wants(t, http.StatusNotFound, "BLOB_UNKNOWN", digest)
		}
	})
	t.Run("a digest that is none", func(t *testing.T) {
		begun := r.call(t, "POST", "/v2/web/blobs/uploads/", nil)
		r.call(t, "PUT", begun.location+"?digest=sha256:12", layer).wants(t, http.StatusBadRequest, "DIGEST_INVALID", "sha256:12")
	})
	t.Run("a manifest that names a missing blob", func(t *testing.T) {
		config := r.push(t, "web", []byte("{}"))
		manifest := fmt.Appendf(nil, `{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
			"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": %q, "size": 2},
			"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": %q, "size": 12}]}`, config, missing)
		r.call(t, "PUT", "/v2/web/manifests/v1", manifest).wants(t, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", missing)
		r.call(t, "GET", "/v2/web/manifests/v1", nil).wants(t, http.StatusNotFound, "MANIFEST_UNKNOWN", "v1")
		r.call(t, "GET", "/v2/web/manifests/"+digestOf(manifest), nil).wants(t, http.StatusNotFound, "MANIFEST_UNKNOWN", digestOf(manifest))

		_, err := c.tryAWS("ecr", "put-image", "--repository-name", "web", "--image-tag", "v1", "--image-manifest", string(manifest))
		if err == nil || !strings.Contains(err.Error(), "(LayersNotFoundException)") || !strings.Contains(err.Error(), missing) {
			t.Errorf("put-image: %v", err)
		}
		want(t, c.aws("ecr", "list-images", "--repository-name", "web", "--query", "imageIds", "--output", "json"), "[]")
	})
	t.Run("a manifest that is none", func(t *testing.T) {
		r.call(t, "PUT", "/v2/web/manifests/v1", []byte(`{"schemaVersion": 2,`)).wants(t, http.StatusBadRequest, "MANIFEST_INVALID", "")
	})
	t.Run("a repository that there is not", func(t *testing.T) {
		r.call(t, "POST", "/v2/nowhere/blobs/uploads/", nil).wants(t, http.StatusNotFound, "NAME_UNKNOWN", "nowhere")
		r.call(t, "GET", "/v2/No-Name/manifests/v1", nil).wants(t, http.StatusBadRequest, "NAME_INVALID", "No-Name")
	})
	t.Run("a password that is none", func(t *testing.T) {
		stranger := *r
		stranger.password = "guess"
		stranger.call(t, "GET", "/v2/", nil).wants(t, http.StatusUnauthorized, "UNAUTHORIZED", "")
		stranger.call(t, "POST", "/v2/web/blobs/uploads/", nil).wants(t, http.StatusUnauthorized, "UNAUTHORIZED", "")
	})
	t.Run("after all that", func(t *testing.T) { r.push(t, "web", layer) })
}

// An upload that was cut goes on where it ended, even when the server was killed meanwhile.
func TestCutUpload(t *testing.T) {
	c := startServer(t)
	r := c.newRegistryUser("web")
	data := make([]byte, 3<<20)
	rand.Read(data)
	begun := r.call(t, "POST", "/v2/web/blobs/uploads/", nil)

	r.cut(t, begun.location, data, 1<<20)
	first := r.received(t, begun.location)
	if first < 1 || first >= len(data) {
		t.Fatalf("%d bytes have come of the %d that were sent", first, 1<<20)
	}
	c.kill()
	c.restart()
	if again := r.received(t, begun.location); again != first {
		t.Errorf("after kill -9 there are %d bytes, want %d", again, first)
	}
	r.cut(t, begun.location, data, 2<<20)
	second := r.received(t, begun.location)
	if second <= first {
		t.Errorf("the second part was lost: %d bytes", second)
	}
	if a := r.call(t, "PUT", begun.location+"?digest="+digestOf(data), data[second:]); a.status != http.StatusCreated {
		t.Fatalf("the end is answered %d: %s", a.status, a.body)
	}
	if got := r.call(t, "GET", "/v2/web/blobs/"+digestOf(data), nil); !bytes.Equal(got.body, data) {
		t.Errorf("the blob has %d bytes, want the %d that were sent", len(got.body), len(data))
	}
}

// registryUser speaks OCI Distribution by hand.
type registryUser struct {
	host, password string
}

// newRegistryUser logs in, and makes a repository.
func (c *cloud) newRegistryUser(repository string) *registryUser {
	c.t.Helper()
	if _, err := c.ecr.CreateRepository(c.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository}); err != nil {
		c.t.Fatal(err)
	}
	login, err := c.registryLogin().Authorization()
	if err != nil {
		c.t.Fatal(err)
	}
	return &registryUser{c.host(), login.Password}
}

type registryAnswer struct {
	status   int
	location string // without host
	ranges   string
	body     []byte
}

func (r *registryUser) call(t *testing.T, method, path string, body []byte) registryAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.host+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("AWS", r.password)
	if strings.Contains(path, "/manifests/") {
		req.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return readRegistryAnswer(t, resp)
}

func readRegistryAnswer(t *testing.T, resp *http.Response) registryAnswer {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := registryAnswer{status: resp.StatusCode, ranges: resp.Header.Get("Range"), body: body}
	if location, err := resp.Location(); err == nil {
		a.location = location.Path
	}
	return a
}

// wants an error of the specification's form.
func (a registryAnswer) wants(t *testing.T, status int, code, words string) {
	t.Helper()
	var body struct {
		Errors []struct {
			Code, Message string
			Detail        json.RawMessage
		}
	}
	err := json.Unmarshal(a.body, &body)
	if err != nil || len(body.Errors) != 1 || a.status != status || body.Errors[0].Code != code || !strings.Contains(string(a.body), words) {
		t.Errorf("answered %d %s, want %d %s with %q", a.status, a.body, status, code, words)
	}
}

func (r *registryUser) push(t *testing.T, repository string, data []byte) string {
	t.Helper()
	begun := r.call(t, "POST", "/v2/"+repository+"/blobs/uploads/", nil)
	if a := r.call(t, "PUT", begun.location+"?digest="+digestOf(data), data); a.status != http.StatusCreated {
		t.Fatalf("push is answered %d: %s", a.status, a.body)
	}
	return digestOf(data)
}

// received is how many bytes of an upload the registry says to have.
func (r *registryUser) received(t *testing.T, location string) int {
	t.Helper()
	var last int
	a := r.call(t, "GET", location, nil)
	if _, err := fmt.Sscanf(a.ranges, "0-%d", &last); err != nil || a.status != http.StatusNoContent {
		t.Fatalf("the upload is told as %d, range %q: %s", a.status, a.ranges, a.body)
	}
	return last + 1
}

// cut promises all that is missing of data, sends it only up to upTo, and then hangs up.
func (r *registryUser) cut(t *testing.T, location string, data []byte, upTo int) {
	t.Helper()
	from := 0
	if a := r.call(t, "GET", location, nil); a.ranges != "0-0" && a.ranges != "" {
		from = r.received(t, location)
	}
	conn, req := r.beginPatch(t, location, from, len(data))
	defer conn.Close()
	if _, err := conn.Write(data[from:upTo]); err != nil {
		t.Fatal(err)
	}
	// Nothing more comes, but the answer is still read: when it is there, the server is done with what came.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(conn), req); err == nil {
		resp.Body.Close()
	}
}

// beginPatch sends the header of a request that adds bytes [from, to) to an upload.
func (r *registryUser) beginPatch(t *testing.T, location string, from, to int) (net.Conn, *http.Request) {
	t.Helper()
	conn, err := net.Dial("tcp", r.host)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("PATCH", "http://"+r.host+location, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("AWS", r.password)
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/octet-stream\r\nContent-Range: %d-%d\r\nContent-Length: %d\r\n\r\n",
		location, r.host, req.Header.Get("Authorization"), from, to-1, to-from)
	return conn, req
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }
