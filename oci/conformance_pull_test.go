package oci_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"

	"slipway/registry"
)

const ociManifest = registry.MediaTypeOCIManifest

var pullStatements = []statement{
	{"the API says that it is there, in its version", func(r *repository) {
		r.do("GET", "/v2/", "").want(200).wantHeader("Docker-Distribution-Api-Version", "registry/2.0")
	}},
	{"who is not logged in is challenged, in the form of an error", func(r *repository) {
		stranger := *r.door
		stranger.token = "wrong"
		a := stranger.do("GET", "/v2/", "").wantHeader("Docker-Distribution-Api-Version", "registry/2.0")
		if !strings.HasPrefix(a.Header.Get("Www-Authenticate"), "Basic realm=") {
			r.t.Errorf("challenge %q", a.Header.Get("Www-Authenticate"))
		}
		a.fails(401, "UNAUTHORIZED")
	}},
	{"a manifest is pulled by tag and by digest, byte for byte, as what it was pushed as", func(r *repository) {
		m, digest := r.taggedImage("v1")
		for _, reference := range []string{"v1", digest} {
			r.reads("/manifests/"+reference, m).want(200).wantHeader("Content-Type", ociManifest).wantHeader("Docker-Content-Digest", digest)
		}
	}},
	{"a manifest is looked for without being read", func(r *repository) {
		m, digest := r.taggedImage("v1")
		for _, reference := range []string{"v1", digest} {
			r.ask("HEAD", "/manifests/"+reference, "").want(200).wantHeader("Content-Length", fmt.Sprint(len(m))).
				wantHeader("Content-Type", ociManifest).wantHeader("Docker-Content-Digest", digest)
		}
	}},
	{"a manifest that is not there is not found", func(r *repository) {
		for _, reference := range []string{"v9", string(digestOf("v9")), sha512Of("v9")} {
			r.ask("GET", "/manifests/"+reference, "").fails(404, "MANIFEST_UNKNOWN", reference)
			r.ask("HEAD", "/manifests/"+reference, "").want(404)
		}
	}},
	{"what is accepted by the client does not change what is sent", func(r *repository) {
		m, _ := r.taggedImage("v1")
		r.reads("/manifests/v1", m, "Accept", registry.MediaTypeDockerManifest).wantHeader("Content-Type", ociManifest)
	}},
	{"a tag has at most 128 characters, and not every one", func(r *repository) {
		m, _ := r.taggedImage(strings.Repeat("t", 128))
		for _, tag := range []string{strings.Repeat("t", 129), ".hidden", "-x", "a%20b", "a+b"} {
			r.ask("PUT", "/manifests/"+tag, m, "Content-Type", ociManifest).fails(400, "TAG_INVALID")
			r.ask("GET", "/manifests/"+tag, "").fails(400, "TAG_INVALID")
		}
	}},
	{"a blob is pulled by its digest, and says which it is", func(r *repository) {
		digest := r.blob("a layer")
		r.reads("/blobs/"+digest, "a layer").want(200).wantHeader("Docker-Content-Digest", digest).wantHeader("Content-Length", "7")
	}},
	{"a blob is looked for without being read", func(r *repository) {
		digest := r.blob("a layer")
		r.ask("HEAD", "/blobs/"+digest, "").want(200).wantHeader("Docker-Content-Digest", digest).wantHeader("Content-Length", "7")
	}},
	{"a blob that is not there is not found", func(r *repository) {
		for _, digest := range []string{string(digestOf("none")), sha512Of("none")} {
			r.ask("GET", "/blobs/"+digest, "").fails(404, "BLOB_UNKNOWN", digest)
			r.ask("HEAD", "/blobs/"+digest, "").want(404)
		}
	}},
	{"a blob of another repository is not found", func(r *repository) {
		r.create("elsewhere")
		digest := string(r.push("elsewhere", "theirs"))
		r.ask("GET", "/blobs/"+digest, "").fails(404, "BLOB_UNKNOWN")
	}},
	{"parts of a blob are pulled by Range", func(r *repository) {
		digest := r.blob("0123456789")
		for _, c := range []struct{ ranges, want, content string }{
			{"bytes=0-0", "0", "bytes 0-0/10"}, {"bytes=2-4", "234", "bytes 2-4/10"}, {"bytes=7-", "789", "bytes 7-9/10"},
			{"bytes=-3", "789", "bytes 7-9/10"}, {"bytes=-99", "0123456789", "bytes 0-9/10"}, {"bytes=5-99", "56789", "bytes 5-9/10"},
		} {
			r.reads("/blobs/"+digest, c.want, "Range", c.ranges).want(206).wantHeader("Content-Range", c.content).
				wantHeader("Docker-Content-Digest", digest)
		}
	}},
	{"a Range outside of the blob cannot be satisfied", func(r *repository) {
		digest := r.blob("0123456789")
		for _, ranges := range []string{"bytes=10-", "bytes=99-100"} {
			r.ask("GET", "/blobs/"+digest, "", "Range", ranges).want(416).wantHeader("Content-Range", "bytes */10")
		}
	}},
	{"parts of a large blob are pulled by Range", func(r *repository) {
		data := strings.Repeat("0123456789abcdef", 200_000)
		digest := r.blob(data)
		r.reads("/blobs/"+digest, data).want(200)
		r.reads("/blobs/"+digest, data[1<<20:2<<20], "Range", fmt.Sprintf("bytes=%d-%d", 1<<20, 2<<20-1)).want(206)
		r.reads("/blobs/"+digest, data[len(data)-5:], "Range", "bytes=-5").want(206)
		r.reads("/blobs/"+digest, data[1:], "Range", "bytes=1-").want(206)
	}},
	{"an empty blob is one", func(r *repository) {
		location := r.upload()
		r.do("PUT", location+"?digest="+string(digestOf("")), "").want(201)
		r.reads("/blobs/"+string(digestOf("")), "").want(200).wantHeader("Content-Length", "0")
	}},
	{"the answer to HEAD has no body, whatever it says", func(r *repository) {
		digest := r.blob("a layer")
		for _, path := range []string{"/blobs/" + digest, "/blobs/" + string(digestOf("none")), "/blobs/sha256:1", "/manifests/none", "/manifests/-"} {
			if head, body := r.raw("HEAD", path); body != "" || !strings.HasPrefix(head, "HTTP/1.1 ") {
				r.t.Errorf("HEAD %s: %s with the body %q", path, head, body)
			}
		}
	}},
	{"blobs and manifests under sha512 are pulled as others are", func(r *repository) {
		r.blob("{}")
		r.blob("layer")
		m := manifestOf("{}", "layer", "")
		digest := sha512Of(m)
		if got := r.manifest(digest, ociManifest, m); got != digest {
			r.t.Errorf("pushed as %s, want %s", got, digest)
		}
		r.reads("/manifests/"+digest, m).want(200).wantHeader("Docker-Content-Digest", digest)
		r.ask("HEAD", "/manifests/"+digest, "").want(200).wantHeader("Docker-Content-Digest", digest)
	}},
	{"a digest that is none is refused, and not an error of ours", func(r *repository) {
		for _, digest := range []string{"sha256:", "sha256:xyz", "sha256:" + strings.Repeat("A", 64), "md5:d41d8cd98f00b204e9800998ecf8427e",
			"sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha512:" + strings.Repeat("0", 64), "blake3:00", ":"} {
			r.ask("GET", "/blobs/"+digest, "").fails(400, "DIGEST_INVALID")
			r.ask("GET", "/manifests/"+digest, "").fails(400, "DIGEST_INVALID")
			r.ask("HEAD", "/blobs/"+digest, "").want(400)
			r.ask("DELETE", "/blobs/"+digest, "").fails(400, "DIGEST_INVALID")
			r.ask("DELETE", "/manifests/"+digest, "").fails(400, "DIGEST_INVALID")
			r.ask("GET", "/referrers/"+digest, "").fails(400, "DIGEST_INVALID")
		}
	}},
}

// raw sends a request by hand, and parts what comes back until the connection's end.
func (r *repository) raw(method, path string) (head, body string) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.host())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", method, r.path(path), r.token)
	text, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		r.t.Fatal(err)
	}
	head, body, _ = strings.Cut(string(text), "\r\n\r\n")
	return head, body
}
