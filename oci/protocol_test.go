package oci_test

import (
	"bufio"
	"bytes"
	"crypto/sha512"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"slipway/internal/ids"
	"slipway/registry"
)

const web = "/v2/team/web"

func TestHello(t *testing.T) {
	d := newDoor(t)
	d.do("GET", "/v2/", "").want(200).wantHeader("Docker-Distribution-Api-Version", "registry/2.0").wantHeader("Content-Type", "application/json")
	d.do("PUT", "/v2/", "").fails(405, "UNSUPPORTED", "PUT")
}

func TestNobodyIsToldToLogIn(t *testing.T) {
	d := newDoor(t)
	req, err := http.NewRequestWithContext(t.Context(), "GET", d.server.URL+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	a := d.send(req).wantHeader("WWW-Authenticate", `Basic realm="`+d.server.URL+`/",service="ecr.amazonaws.com"`)
	a.fails(401, "UNAUTHORIZED", "aws ecr get-login-password")
}

func TestTokens(t *testing.T) {
	d := newDoor(t)
	d.do("GET", "/v2/", "", "Authorization", "Bearer "+d.token).want(200)

	old := d.login(registry.Login{Account: account, Expires: time.Now().Add(-time.Second)})
	d.do("GET", "/v2/", "", "Authorization", "Bearer "+old).fails(401, "UNAUTHORIZED", "has expired")
	for _, token := range []string{"", "x", d.token[:len(d.token)-1]} {
		d.do("GET", web+"/tags/list", "", "Authorization", "Bearer "+token).fails(401, "UNAUTHORIZED")
	}
}

// The end of the access key that a token was made with is the end of the token, at every path.
func TestATokenDiesWithItsKey(t *testing.T) {
	d := newDoor(t)
	token := d.login(registry.Login{Account: account, Key: "AKIA1"})
	d.do("GET", "/v2/", "", "Authorization", "Bearer "+token).want(200)
	d.access.dead["AKIA1"] = true
	for _, path := range []string{"/v2/", web + "/tags/list", "/v2/nothing/here"} {
		d.do("GET", path, "", "Authorization", "Bearer "+token).fails(401, "UNAUTHORIZED")
	}
	d.do("GET", "/v2/", "", "Authorization", "Bearer "+d.token).want(200)
}

func TestNarrowTokenDoesOnlyThat(t *testing.T) {
	d := newDoor(t)
	d.create("api")
	_, digest := d.image("team/web", "v1", "layer")
	d.token = d.login(registry.Login{Account: account, Scope: registry.Scope{
		Repositories: []string{"team/web"}, Actions: []registry.Action{registry.ActionPull}}})

	d.do("GET", web+"/manifests/v1", "").want(200)
	d.do("POST", web+"/blobs/uploads/", "").fails(403, "DENIED", "push")
	d.do("DELETE", web+"/manifests/"+string(digest), "").fails(403, "DENIED", "delete")
	d.do("GET", "/v2/api/tags/list", "").fails(403, "DENIED", "repository/api")
	d.do("GET", web+"/tags/list", "", "Host", "999999999999.dkr.ecr.us-east-1.example.com").fails(403, "DENIED")
}

func TestPolicyIsAskedByEveryOperation(t *testing.T) {
	d := newDoor(t)
	d.access.denied[d.registry.ARN(account, "team/web")] = true
	digest := string(digestOf(""))
	for _, o := range []struct{ method, path, action string }{
		{"GET", "/blobs/" + digest, "ecr:GetDownloadUrlForLayer"},
		{"HEAD", "/blobs/" + digest, ""},
		{"DELETE", "/blobs/" + digest, "ecr:BatchDeleteImage"},
		{"POST", "/blobs/uploads/", "ecr:InitiateLayerUpload"},
		{"GET", "/blobs/uploads/" + ids.UUID(), "ecr:UploadLayerPart"},
		{"PATCH", "/blobs/uploads/" + ids.UUID(), "ecr:UploadLayerPart"},
		{"PUT", "/blobs/uploads/" + ids.UUID() + "?digest=" + digest, "ecr:CompleteLayerUpload"},
		{"DELETE", "/blobs/uploads/" + ids.UUID(), "ecr:UploadLayerPart"},
		{"GET", "/manifests/v1", "ecr:BatchGetImage"},
		{"HEAD", "/manifests/v1", ""},
		{"PUT", "/manifests/v1", "ecr:PutImage"},
		{"DELETE", "/manifests/v1", "ecr:BatchDeleteImage"},
		{"GET", "/tags/list", "ecr:ListImages"},
		{"GET", "/referrers/" + digest, "ecr:BatchGetImage"},
	} {
		a := d.do(o.method, web+o.path, "")
		if a.want(403); o.action != "" {
			a.fails(403, "DENIED", "root to do "+o.action)
		}
	}
}

func TestHostNamesTheAccount(t *testing.T) {
	d := newDoor(t)
	d.do("GET", web+"/tags/list", "", "Host", account+".dkr.ecr.us-east-1.slipway.example:4600").want(200)
	d.do("GET", web+"/tags/list", "", "Host", "999999999999.dkr.ecr.us-east-1.slipway.example").
		fails(403, "DENIED", "arn:aws:ecr:us-east-1:999999999999:repository/team/web")
}

func TestRepositoryMustBeThere(t *testing.T) {
	d := newDoor(t)
	for _, o := range [][2]string{
		{"GET", "/tags/list"}, {"GET", "/manifests/v1"}, {"GET", "/blobs/" + string(digestOf(""))},
		{"POST", "/blobs/uploads/"}, {"DELETE", "/manifests/v1"},
	} {
		d.do(o[0], "/v2/nowhere"+o[1], "").fails(404, "NAME_UNKNOWN", "nowhere", account, "aws ecr create-repository")
	}
}

func TestPathsAreReadFromTheRight(t *testing.T) {
	d := newDoor(t)
	for _, name := range []string{"a/manifests", "blobs/uploads", "tags/list", "a/b/c/referrers"} {
		d.create(name)
		_, digest := d.image(name, "v1", "layer of "+name)
		d.do("GET", "/v2/"+name+"/manifests/v1", "").want(200).wantHeader("Docker-Content-Digest", string(digest))
		d.do("GET", "/v2/"+name+"/tags/list", "").want(200)
	}
}

func TestBadPaths(t *testing.T) {
	d := newDoor(t)
	for path, code := range map[string]string{
		"/v2/UPPER/tags/list":    "NAME_INVALID",
		"/v2/a//b/tags/list":     "NAME_INVALID",
		"/v2/%2e%2e/x/tags/list": "NAME_INVALID",
		"/v2/x/tags/list":        "NAME_INVALID",
	} {
		d.do("GET", path, "").fails(400, code)
	}
	for _, path := range []string{"/v2/_catalog", "/v2/team/web", "/v2/manifests/v1", "/v2//tags/list"} {
		d.do("GET", path, "").fails(404, "UNSUPPORTED")
	}
	d.do("PUT", web+"/tags/list", "").fails(405, "UNSUPPORTED")
}

func TestUploadAtOnce(t *testing.T) {
	d := newDoor(t)
	digest := string(digestOf("layer"))
	d.do("POST", web+"/blobs/uploads/?digest="+digest, "layer").want(201).
		wantHeader("Location", web+"/blobs/"+digest).wantHeader("Docker-Content-Digest", digest)
	if a := d.do("GET", web+"/blobs/"+digest, "").want(200); a.body != "layer" {
		t.Errorf("the blob is %q", a.body)
	}
}

func TestUploadWithPostAndPut(t *testing.T) {
	d := newDoor(t)
	digest := string(digestOf("layer"))
	location := d.do("POST", web+"/blobs/uploads/", "").want(202).wantHeader("Range", "0-0").Header.Get("Location")
	d.do("PUT", location+"?digest="+digest, "layer").want(201).wantHeader("Location", web+"/blobs/"+digest)
	d.do("GET", location, "").fails(404, "BLOB_UPLOAD_UNKNOWN", location[len(web+"/blobs/uploads/"):])
}

func TestUploadInChunks(t *testing.T) {
	d := newDoor(t)
	location := d.do("POST", web+"/blobs/uploads/", "").want(202).Header.Get("Location")
	d.do("PATCH", location, "one ", "Content-Range", "0-3").want(202).wantHeader("Range", "0-3").wantHeader("Location", location)

	for _, wrong := range []string{"0-3", "3-6", "5-8"} {
		d.do("PATCH", location, "two ", "Content-Range", wrong).wantHeader("Range", "0-3").fails(416, "BLOB_UPLOAD_INVALID", "4 bytes")
	}
	for _, wrong := range []string{"x", "4-x", "-4", "8-4"} {
		d.do("PATCH", location, "two ", "Content-Range", wrong).fails(416, "BLOB_UPLOAD_INVALID", wrong)
	}
	d.do("PATCH", location, "two ", "Content-Range", "4-99").fails(400, "SIZE_INVALID", "4-99")

	d.do("GET", location, "").want(204).wantHeader("Range", "0-3").wantHeader("Location", location)
	d.do("PATCH", location, "two ", "Content-Range", "bytes 4-7/12").want(202).wantHeader("Range", "0-7")
	digest := string(digestOf("one two last"))
	d.do("PUT", location+"?digest="+digest, "last", "Content-Range", "9-12").fails(416, "BLOB_UPLOAD_INVALID")
	d.do("PUT", location+"?digest="+digest, "last", "Content-Range", "8-11").want(201)
	if a := d.do("GET", web+"/blobs/"+digest, ""); a.body != "one two last" {
		t.Errorf("the blob is %q", a.body)
	}
}

func TestUploadWithABadDigest(t *testing.T) {
	d := newDoor(t)
	for _, digest := range []string{"", "sha256:xyz", "md5:d41d8cd98f00b204e9800998ecf8427e", "latest"} {
		location := d.do("POST", web+"/blobs/uploads/", "").want(202).Header.Get("Location")
		d.do("PUT", location+"?digest="+digest, "layer").fails(400, "DIGEST_INVALID", digest)
		d.do("POST", web+"/blobs/uploads/?digest="+digest, "layer").fails(400, "DIGEST_INVALID", digest)
	}
	other := string(digestOf("other"))
	d.do("POST", web+"/blobs/uploads/?digest="+other, "layer").fails(400, "DIGEST_INVALID", other)
	d.do("HEAD", web+"/blobs/"+other, "").want(404)
}

func TestSha512Blob(t *testing.T) {
	d := newDoor(t)
	digest := fmt.Sprintf("sha512:%x", sha512.Sum512([]byte("layer")))
	d.do("POST", web+"/blobs/uploads/?digest="+digest, "layer").want(201)
	d.do("GET", web+"/blobs/"+digest, "").want(200).wantHeader("Docker-Content-Digest", digest)
}

func TestCancelledUpload(t *testing.T) {
	d := newDoor(t)
	location := d.do("POST", web+"/blobs/uploads/", "").want(202).Header.Get("Location")
	d.do("DELETE", location, "").want(204)
	d.do("PATCH", location, "x").fails(404, "BLOB_UPLOAD_UNKNOWN")
	d.do("GET", web+"/blobs/uploads/not-an-id", "").fails(404, "BLOB_UPLOAD_UNKNOWN", "not-an-id")
}

// A client says how long the body is, sends half of it, and is gone.
func TestCutUploadGoesOn(t *testing.T) {
	d := newDoor(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
	location := d.do("POST", web+"/blobs/uploads/", "").want(202).Header.Get("Location")

	conn, err := net.Dial("tcp", d.host())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", location, d.token, len(data))
	if _, err := conn.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && res.StatusCode != 400 {
		t.Errorf("the cut request was answered with %s", res.Status)
	}
	conn.Close()

	half := len(data) / 2
	d.do("GET", location, "").want(204).wantHeader("Range", fmt.Sprintf("0-%d", half-1))
	d.do("PATCH", location, string(data[half:]), "Content-Range", fmt.Sprintf("%d-%d", half, len(data)-1)).want(202)
	d.do("PUT", location+"?digest="+string(digestOf(string(data))), "").want(201)
}

func TestMount(t *testing.T) {
	d := newDoor(t)
	d.create("api")
	digest := string(d.push("team/web", "layer"))
	mount := func(from string) answer {
		return d.do("POST", "/v2/api/blobs/uploads/?mount="+digest+"&from="+from, "")
	}
	for _, from := range []string{"nowhere", "api", ""} {
		mount(from).want(202)
	}
	d.access.denied[d.registry.ARN(account, "team/web")] = true
	mount("team/web").want(202)
	d.do("HEAD", "/v2/api/blobs/"+digest, "").want(404)

	delete(d.access.denied, d.registry.ARN(account, "team/web"))
	mount("team/web").want(201).wantHeader("Location", "/v2/api/blobs/"+digest).wantHeader("Docker-Content-Digest", digest)
	d.do("GET", "/v2/api/blobs/"+digest, "").want(200)
	d.do("POST", "/v2/api/blobs/uploads/?mount=x&from=team/web", "").fails(400, "DIGEST_INVALID")
}

func TestReadBlob(t *testing.T) {
	d := newDoor(t)
	digest := string(d.push("team/web", "0123456789"))
	d.do("HEAD", web+"/blobs/"+digest, "").want(200).wantHeader("Content-Length", "10").
		wantHeader("Docker-Content-Digest", digest).wantHeader("Accept-Ranges", "bytes")
	for ranges, want := range map[string]string{"bytes=2-4": "234", "bytes=7-": "789", "bytes=-2": "89", "bytes=0-99": "0123456789"} {
		if a := d.do("GET", web+"/blobs/"+digest, "", "Range", ranges).want(206); a.body != want {
			t.Errorf("%s is %q, want %q", ranges, a.body, want)
		}
	}
	d.do("GET", web+"/blobs/"+digest, "", "Range", "bytes=10-").want(416).wantHeader("Content-Range", "bytes */10")
	d.do("GET", web+"/blobs/"+digest, "", "If-None-Match", `"`+digest+`"`).want(304)

	missing := string(digestOf("missing"))
	d.do("GET", web+"/blobs/"+missing, "").fails(404, "BLOB_UNKNOWN", missing)
	d.do("HEAD", web+"/blobs/"+missing, "").want(404)
	d.do("GET", web+"/blobs/sha256:1", "").fails(400, "DIGEST_INVALID", "sha256:1")
}

func TestDeleteBlob(t *testing.T) {
	d := newDoor(t)
	d.image("team/web", "v1", "needed")
	needed, free := string(digestOf("needed")), string(d.push("team/web", "free"))
	d.do("DELETE", web+"/blobs/"+needed, "").fails(405, "UNSUPPORTED", needed)
	d.do("DELETE", web+"/blobs/"+free, "").want(202)
	d.do("DELETE", web+"/blobs/"+free, "").fails(404, "BLOB_UNKNOWN", free)
}

func TestLinkToABlob(t *testing.T) {
	d := newDoor(t)
	digest := string(d.push("team/web", "layer"))
	token := d.login(registry.Login{Account: account, Scope: registry.Scope{
		Repositories: []string{"team/web"}, Actions: []registry.Action{registry.ActionPull}}})
	follow := func(method, path string) answer {
		req, err := http.NewRequestWithContext(t.Context(), method, d.server.URL+path+"?token="+token, nil)
		if err != nil {
			t.Fatal(err)
		}
		return d.send(req)
	}
	if a := follow("GET", web+"/blobs/"+digest).want(200); a.body != "layer" {
		t.Errorf("the blob is %q", a.body)
	}
	follow("POST", web+"/blobs/uploads/").want(401)
}

func TestPushAndPullManifest(t *testing.T) {
	d := newDoor(t)
	d.push("team/web", "{}")
	d.push("team/web", "layer")
	m := manifestOf("{}", "layer", "")
	digest := string(digestOf(m))
	d.do("PUT", web+"/manifests/v1", m, "Content-Type", registry.MediaTypeOCIManifest+"; charset=utf-8").want(201).
		wantHeader("Location", web+"/manifests/"+digest).wantHeader("Docker-Content-Digest", digest)
	for _, reference := range []string{"v1", digest} {
		a := d.do("GET", web+"/manifests/"+reference, "").want(200).wantHeader("Content-Type", registry.MediaTypeOCIManifest).
			wantHeader("Docker-Content-Digest", digest)
		if a.body != m {
			t.Errorf("the manifest is %s", a.body)
		}
		d.do("HEAD", web+"/manifests/"+reference, "").want(200).wantHeader("Content-Length", fmt.Sprint(len(m))).
			wantHeader("Content-Type", registry.MediaTypeOCIManifest).wantHeader("Docker-Content-Digest", digest)
	}
	d.do("GET", web+"/manifests/v2", "").fails(404, "MANIFEST_UNKNOWN", "v2")
	d.do("HEAD", web+"/manifests/v2", "").want(404)
	d.do("GET", web+"/manifests/-v", "").fails(400, "TAG_INVALID", "-v")
	d.do("GET", web+"/manifests/sha256:1", "").fails(400, "DIGEST_INVALID", "sha256:1")
}

func TestRefusedManifests(t *testing.T) {
	d := newDoor(t)
	put := func(reference, m string) answer {
		return d.do("PUT", web+"/manifests/"+reference, m, "Content-Type", registry.MediaTypeOCIManifest)
	}
	d.push("team/web", "{}")
	layer := string(digestOf("layer"))
	put("v1", manifestOf("{}", "layer", "")).fails(400, "MANIFEST_BLOB_UNKNOWN", layer, "team/web")

	d.push("team/web", "layer")
	put("v1", "{").fails(400, "MANIFEST_INVALID")
	put("v1", strings.Repeat(" ", registry.MaxManifest+1)).fails(413, "SIZE_INVALID")
	put(string(digestOf("other")), manifestOf("{}", "layer", "")).fails(400, "DIGEST_INVALID")
	put("-v1", manifestOf("{}", "layer", "")).fails(400, "TAG_INVALID", "-v1")
	d.do("PUT", web+"/manifests/v1", manifestOf("{}", "layer", ""), "Content-Type", "text/plain").fails(400, "MANIFEST_INVALID", "text/plain")
	d.do("PUT", web+"/manifests/v1", manifestOf("{}", "layer", ""), "Content-Type", ";").fails(400, "MANIFEST_INVALID")

	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":7}]}`,
		registry.MediaTypeOCIIndex, registry.MediaTypeOCIManifest, layer)
	d.do("PUT", web+"/manifests/v1", index, "Content-Type", registry.MediaTypeOCIIndex).fails(400, "MANIFEST_BLOB_UNKNOWN", "Images", layer)
}

func TestHugeManifestOfUnknownLength(t *testing.T) {
	d := newDoor(t)
	endless := strings.NewReader(strings.Repeat(" ", 3*registry.MaxManifest))
	req, err := http.NewRequestWithContext(t.Context(), "PUT", d.server.URL+web+"/manifests/v1", struct{ *strings.Reader }{endless})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = -1
	req.SetBasicAuth("AWS", d.token)
	d.send(req).fails(413, "SIZE_INVALID")
}

func TestImmutableTag(t *testing.T) {
	d := newDoor(t)
	if err := d.registry.SetMutability(t.Context(), account, "team/web", registry.Mutability{Immutable: true}); err != nil {
		t.Fatal(err)
	}
	m, _ := d.image("team/web", "v1", "first")
	d.do("PUT", web+"/manifests/v1", m, "Content-Type", registry.MediaTypeOCIManifest).want(201)
	d.push("team/web", "second")
	d.do("PUT", web+"/manifests/v1", manifestOf("{}", "second", "")).fails(400, "TAG_INVALID",
		"The image tag 'v1' already exists in the 'team/web' repository and cannot be overwritten because the tag is immutable.")
}

func TestDeleteManifest(t *testing.T) {
	d := newDoor(t)
	_, digest := d.image("team/web", "v1", "layer")
	d.image("team/web", "v2", "layer")
	d.do("DELETE", web+"/manifests/v1", "").want(202)
	d.do("DELETE", web+"/manifests/v1", "").fails(404, "MANIFEST_UNKNOWN", "v1")
	d.do("GET", web+"/manifests/"+string(digest), "").want(200)
	d.do("DELETE", web+"/manifests/"+string(digest), "").want(202)
	d.do("GET", web+"/manifests/v2", "").fails(404, "MANIFEST_UNKNOWN")
}

func TestChildOfAnIndexStays(t *testing.T) {
	d := newDoor(t)
	m, child := d.image("team/web", "amd64", "layer")
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":%d}]}`,
		registry.MediaTypeOCIIndex, registry.MediaTypeOCIManifest, child, len(m))
	d.do("PUT", web+"/manifests/multi", index, "Content-Type", registry.MediaTypeOCIIndex).want(201)
	d.do("DELETE", web+"/manifests/"+string(child), "").fails(405, "UNSUPPORTED", string(digestOf(index)))
}

func TestTagsInPages(t *testing.T) {
	d := newDoor(t)
	if a := d.do("GET", web+"/tags/list", "").want(200); a.body != `{"name":"team/web","tags":[]}` {
		t.Errorf("no tags: %s", a.body)
	}
	for _, tag := range []string{"c", "a", "b"} {
		d.image("team/web", tag, "layer")
	}
	a := d.do("GET", web+"/tags/list?n=2", "").want(200).wantHeader("Link", `</v2/team/web/tags/list?last=b&n=2>; rel="next"`)
	if a.body != `{"name":"team/web","tags":["a","b"]}` {
		t.Errorf("first page: %s", a.body)
	}
	if a := d.do("GET", web+"/tags/list?last=b&n=2", "").want(200).wantHeader("Link", ""); a.body != `{"name":"team/web","tags":["c"]}` {
		t.Errorf("last page: %s", a.body)
	}
	if a := d.do("GET", web+"/tags/list?n=0", "").want(200); a.body != `{"name":"team/web","tags":[]}` {
		t.Errorf("n=0: %s", a.body)
	}
	d.do("GET", web+"/tags/list?n=-1", "").fails(400, "PAGINATION_NUMBER_INVALID", "-1")
}

func TestReferrers(t *testing.T) {
	d := newDoor(t)
	m, subject := d.image("team/web", "v1", "layer")
	refer := func(kind string) string {
		r := manifestOf("{}", "layer", fmt.Sprintf(`,"artifactType":"%s","annotations":{"by":"ann"},"subject":{"mediaType":"%s","digest":"%s","size":%d}`,
			kind, registry.MediaTypeOCIManifest, subject, len(m)))
		digest := string(digestOf(r))
		d.do("PUT", web+"/manifests/"+digest, r, "Content-Type", registry.MediaTypeOCIManifest).want(201).wantHeader("OCI-Subject", string(subject))
		return fmt.Sprintf(`{"mediaType":"%s","digest":"%s","size":%d,"artifactType":"%s","annotations":{"by":"ann"}}`, registry.MediaTypeOCIManifest, digest, len(r), kind)
	}
	sbom := refer("application/x.sbom")
	refer("application/x.signature")

	path := web + "/referrers/" + string(subject)
	if a := d.do("GET", path, "").want(200).wantHeader("Content-Type", registry.MediaTypeOCIIndex); strings.Count(a.body, `"digest"`) != 2 {
		t.Errorf("referrers: %s", a.body)
	}
	a := d.do("GET", path+"?artifactType=application/x.sbom", "").want(200).wantHeader("OCI-Filters-Applied", "artifactType")
	if want := `{"schemaVersion":2,"mediaType":"` + registry.MediaTypeOCIIndex + `","manifests":[` + sbom + `]}`; a.body != want {
		t.Errorf("referrers: %s, want %s", a.body, want)
	}
	if a := d.do("GET", path+"?n=1", "").want(200); !strings.Contains(a.Header.Get("Link"), "last=sha256") {
		t.Errorf("first page links to %q", a.Header.Get("Link"))
	}
	d.do("GET", web+"/referrers/v1", "").fails(400, "DIGEST_INVALID", "v1")
	if a := d.do("GET", web+"/referrers/"+string(digestOf("")), "").want(200); !strings.Contains(a.body, `"manifests":[]`) {
		t.Errorf("no referrers: %s", a.body)
	}
}
