package oci_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"slipway/registry"
)

// upstream is another registry, small and genuine.
type upstream struct {
	*httptest.Server
	t    testing.TB
	hook func(http.ResponseWriter, *http.Request) bool // true: it has answered
}

func startUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{t: t}
	real := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u.hook == nil || !u.hook(w, r) {
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// image gives it an image as app:v1.
func (u *upstream) image(config, layer string) (manifest string) {
	u.t.Helper()
	u.post(config)
	u.post(layer)
	manifest = manifestOf(config, layer, "")
	u.send("PUT", "/v2/app/manifests/v1", manifest)
	return manifest
}

func (u *upstream) post(data string) {
	u.t.Helper()
	u.send("POST", "/v2/app/blobs/uploads/?digest="+string(digestOf(data)), data)
}

func (u *upstream) send(method, path, body string) {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), method, u.URL+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Content-Type", registry.MediaTypeOCIManifest)
	res, err := u.Client().Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		u.t.Fatalf("%s %s: %s", method, path, res.Status)
	}
}

// through is a door whose repositories under "up" come from another registry.
func through(t *testing.T) (*door, *upstream) {
	t.Helper()
	d, u := newDoor(t), startUpstream(t)
	d.runs()
	_, err := d.registry.CreateUpstream(t.Context(), registry.Upstream{Account: account, Prefix: "up", URL: u.URL})
	if err != nil {
		t.Fatal(err)
	}
	return d, u
}

// runs starts the loops of the registry until the test ends.
func (d *door) runs() {
	ctx, stop := context.WithCancel(d.t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.registry.Run(ctx) })
	d.t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// here waits until an image is here.
func (d *door) here(repository, tag string) {
	d.t.Helper()
	for range 1000 {
		if _, _, err := d.registry.Resolve(d.t.Context(), account, repository, tag); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatalf("%s:%s is not here after ten seconds", repository, tag)
}

func TestPullThrough(t *testing.T) {
	d, u := through(t)
	manifest := u.image("{}", "layer")
	for _, method := range []string{"HEAD", "GET"} {
		a := d.do(method, "/v2/up/app/manifests/v1", "").want(200).wantHeader("Docker-Content-Digest", string(digestOf(manifest))).wantHeader("Content-Type", registry.MediaTypeOCIManifest)
		if method == "GET" && a.body != manifest {
			t.Errorf("it is %s", a.body)
		}
	}
	for range 2 { // while it comes, and when it is here
		d.do("HEAD", "/v2/up/app/blobs/"+string(digestOf("layer")), "").want(200).wantHeader("Content-Length", "5")
		if got := d.do("GET", "/v2/up/app/blobs/"+string(digestOf("layer")), "").want(200); got.body != "layer" {
			t.Errorf("the layer is %q", got.body)
		}
		d.here("up/app", "v1")
	}
	d.do("GET", "/v2/up/app/manifests/v2", "").fails(404, "MANIFEST_UNKNOWN")
	d.do("GET", "/v2/up/other/manifests/v1", "").fails(404, "NAME_UNKNOWN")
	d.do("GET", "/v2/up/app/blobs/"+string(digestOf("none")), "").fails(404, "BLOB_UNKNOWN")
	d.do("HEAD", "/v2/up/app/blobs/"+string(digestOf("none")), "").want(404)
	u.Close()
	d.do("GET", "/v2/up/app/manifests/v1", "").want(200)
	d.do("GET", "/v2/up/app/manifests/v2", "").fails(502, "UNAVAILABLE", "the other registry does not answer")
}

// A blob that breaks off on its way breaks off here as well, so that nobody takes it for whole.
func TestABlobThatBreaksOff(t *testing.T) {
	d, u := through(t)
	u.image("{}", "layer")
	u.hook = func(w http.ResponseWriter, r *http.Request) bool {
		broken := r.Method == "GET" && strings.HasSuffix(r.URL.Path, string(digestOf("layer")))
		if broken {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "lay")
		}
		return broken
	}
	d.do("GET", "/v2/up/app/manifests/v1", "").want(200)
	r, err := http.NewRequestWithContext(t.Context(), "GET", d.server.URL+"/v2/up/app/blobs/"+string(digestOf("layer")), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("AWS", d.token)
	res, err := d.server.Client().Do(r)
	if err == nil {
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
	}
	if err == nil {
		t.Error("it reads as if it were whole")
	}
}

// Bringing images here, and making their repositories, is asked for; what is here is not.
func TestPullThroughAsksWhetherItMay(t *testing.T) {
	d, u := through(t)
	u.image("{}", "layer")
	const arn = "arn:aws:ecr:us-east-1:" + account + ":repository/up/app"
	for _, denied := range []string{"ecr:BatchImportUpstreamImage", "ecr:CreateRepository"} {
		d.access.denied[denied] = true
		d.do("GET", "/v2/up/app/manifests/v1", "").fails(403, "DENIED", denied)
		d.access.denied = map[string]bool{}
	}
	d.access.asked = nil
	d.do("GET", "/v2/up/app/manifests/v1", "").want(200)
	if want := []string{"ecr:BatchGetImage " + arn, "ecr:BatchImportUpstreamImage " + arn, "ecr:CreateRepository " + arn}; !slices.Equal(d.access.asked, want) {
		t.Errorf("asked for %q, want %q", d.access.asked, want)
	}
	d.here("up/app", "v1")
	d.access.denied["ecr:BatchImportUpstreamImage"], d.access.asked = true, nil
	d.do("GET", "/v2/up/app/manifests/v1", "").want(200)
	if want := []string{"ecr:BatchGetImage " + arn}; !slices.Equal(d.access.asked, want) {
		t.Errorf("of what is here: asked for %q, want %q", d.access.asked, want)
	}
}

// A login that may pull from a repository may have its images brought there.
func TestALoginToPullIsEnough(t *testing.T) {
	d, u := through(t)
	u.image("{}", "layer")
	for _, c := range []struct {
		repository string
		status     int
	}{{"up/other", 403}, {"up/app", 200}} {
		d.token = d.login(registry.Login{Account: account, Scope: registry.Scope{Repositories: []string{c.repository}, Actions: []registry.Action{registry.ActionPull}}})
		d.do("GET", "/v2/up/app/manifests/v1", "").want(c.status)
	}
}

func (d *door) template(prefix string, labels map[string]string) {
	d.t.Helper()
	t := registry.Template{Account: account, Prefix: prefix, Uses: []registry.Use{registry.UseCreateOnPush}, Labels: labels}
	if _, err := d.registry.CreateTemplate(d.t.Context(), t); err != nil {
		d.t.Fatal(err)
	}
}

func TestCreateOnPush(t *testing.T) {
	d := newDoor(t)
	d.do("POST", "/v2/prod/api/blobs/uploads/", "").fails(404, "NAME_UNKNOWN")
	d.template("prod", map[string]string{"team": "sea"})
	d.do("GET", "/v2/prod/api/tags/list", "").fails(404, "NAME_UNKNOWN")
	const arn = "arn:aws:ecr:us-east-1:" + account + ":repository/prod/api"
	for _, denied := range []string{"ecr:CreateRepository", "ecr:TagResource"} {
		d.access.denied[denied] = true
		d.do("POST", "/v2/prod/api/blobs/uploads/", "").fails(403, "DENIED", denied)
		d.access.denied = map[string]bool{}
	}
	d.access.asked = nil
	d.image("prod/api", "v1", "layer")
	if want := []string{"ecr:InitiateLayerUpload " + arn, "ecr:CreateRepository " + arn, "ecr:TagResource " + arn}; !slices.Equal(d.access.asked[:3], want) {
		t.Errorf("asked for %q, want %q", d.access.asked, want)
	}
	d.do("GET", "/v2/prod/api/manifests/v1", "").want(200)
}

// A mount from a repository that has the blob makes the repository as well, and then mounts.
func TestAMountMakesItsRepository(t *testing.T) {
	d := newDoor(t)
	d.template("prod", nil)
	digest := d.push("team/web", "layer")
	d.do("POST", "/v2/prod/api/blobs/uploads/?mount="+string(digest)+"&from=team/web", "").want(201)
}

// docker pulls from another registry through ours, and pushes to what is not there.
func TestDockerPullsThroughAndCreatesOnPush(t *testing.T) {
	e := startDocker(t)
	d, u := through(t)
	d.template("prod", nil)
	e.run(d.token, "login", "--username", "AWS", "--password-stdin", d.host())
	theirs := strings.TrimPrefix(u.URL, "http://") + "/app:v1"
	id := e.run(archive(t), "import", "-", theirs)
	e.run("", "push", "-q", theirs)
	e.run("", "rmi", theirs)

	ours := d.host() + "/up/app:v1"
	e.run("", "pull", "-q", ours)
	if got := e.run("", "inspect", "--format", "{{.Id}}", ours); got != id {
		t.Errorf("docker pulled %s, want %s", got, id)
	}
	d.here("up/app", "v1")
	u.Close()
	e.run("", "rmi", ours)
	e.run("", "pull", "-q", ours)
	e.run("", "tag", ours, d.host()+"/prod/api:v1")
	e.run("", "push", "-q", d.host()+"/prod/api:v1")
	d.do("GET", "/v2/prod/api/manifests/v1", "").want(200)
}
