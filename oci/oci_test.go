package oci_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"slipway/blob/disk"
	"slipway/blob/sealed"
	"slipway/events"
	"slipway/internal/errs"
	"slipway/oci"
	"slipway/registry"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const account = "123456789012"

// door is a registry behind its door, with the repository "team/web", and somebody who is logged in.
type door struct {
	t        testing.TB
	registry *registry.Control
	server   *httptest.Server
	token    string
	access   *access
}

// access allows everything but what is denied, to all whose key is not dead, and to what is another
// account's whoever its policy names.
type access struct {
	denied map[string]bool
	dead   map[string]bool
	mu     sync.Mutex // of asked
	asked  []string
	ask    func(*oci.Request) // nil: nothing more is asked
}

func (a *access) Check(_ context.Context, who oci.Caller) error {
	if a.dead[who.AccessKeyID] {
		return fmt.Errorf("%w: its access key is gone", registry.ErrToken)
	}
	return nil
}

var errDenied = errs.New(errs.Denied, "not today")

func (a *access) Authorize(_ context.Context, r *oci.Request) error {
	a.mu.Lock()
	a.asked = append(a.asked, r.Action+" "+r.Resource)
	a.mu.Unlock()
	if a.ask != nil {
		a.ask(r)
	}
	if r.Who.Account == "" || r.Who.ARN == "" {
		return fmt.Errorf("nobody asks for %s", r.Action)
	}
	policy, err := r.Policy()
	if err != nil {
		return err
	}
	foreign := !strings.Contains(r.Resource, ":"+r.Who.Account+":") && !strings.Contains(policy, r.Who.Account)
	if foreign || a.denied[r.Action] || a.denied[r.Resource] {
		return fmt.Errorf("%w: %s to do %s on %s", errDenied, r.Who.ARN, r.Action, r.Resource)
	}
	return nil
}

func newDoor(t testing.TB) *door { return newDoorWith(t, oci.Config{}) }

// newDoorWith is newDoor with more than an Access.
func newDoorWith(t testing.TB, config oci.Config) *door {
	t.Helper()
	blobs, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := newDoorOver(t, storetest.SQLite(t), blobs, config)
	d.create("team/web")
	return d
}

// newDoorOver is a door before a registry that keeps its rows and its bytes where the test wants them.
func newDoorOver(t testing.TB, db *store.DB, blobs sealed.Inner, config oci.Config) *door {
	t.Helper()
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	c, err := registry.New(t.Context(), db, sealtest.Keys(t, db), blobs, "us-east-1", registry.CheckPolicies(func(string) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, registry: c, access: &access{denied: map[string]bool{}, dead: map[string]bool{}}}
	config.Access = d.access
	d.server = httptest.NewServer(oci.New(c, config))
	t.Cleanup(d.server.Close)
	d.token = d.login(registry.Login{Account: account})
	return d
}

func (d *door) login(l registry.Login) string {
	d.t.Helper()
	l.Principal, l.UserID = "arn:aws:iam::"+l.Account+":root", l.Account
	token, _, err := d.registry.Token(l)
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

func (d *door) create(name string) {
	d.t.Helper()
	if _, err := d.registry.CreateRepository(d.t.Context(), account, name, registry.Mutability{}, nil); err != nil {
		d.t.Fatal(err)
	}
}

// host is the registry as clients write it.
func (d *door) host() string { return strings.TrimPrefix(d.server.URL, "http://") }

// answer is a response whose body was read.
type answer struct {
	*http.Response
	t    testing.TB
	body string
}

// do sends a request; headers come in pairs.
func (d *door) do(method, path, body string, headers ...string) answer {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.SetBasicAuth("AWS", d.token)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return d.send(req)
}

// try asks without wanting anything of the answer, which is read as far as it comes.
func (d *door) try(method, path, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.SetBasicAuth("AWS", d.token)
	if method == http.MethodPut {
		req.Header.Set("Content-Type", registry.MediaTypeOCIManifest)
	}
	res, err := d.server.Client().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

func (d *door) send(req *http.Request) answer {
	d.t.Helper()
	res, err := d.server.Client().Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer{res, d.t, string(text)}
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("%s %s: %d %s, want %d", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.body, status)
	}
	return a
}

func (a answer) wantHeader(name, value string) answer {
	a.t.Helper()
	if got := a.Header.Get(name); got != value {
		a.t.Errorf("%s %s: %s is %q, want %q", a.Request.Method, a.Request.URL.Path, name, got, value)
	}
	return a
}

// fails wants an error of the specification's form whose message holds the given words.
func (a answer) fails(status int, code string, words ...string) {
	a.t.Helper()
	a.want(status)
	var body struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || len(body.Errors) != 1 || body.Errors[0].Code != code {
		a.t.Fatalf("%s %s: %s, want one error %s", a.Request.Method, a.Request.URL.Path, a.body, code)
	}
	for _, w := range words {
		if !strings.Contains(body.Errors[0].Message, w) {
			a.t.Errorf("%q does not hold %q", body.Errors[0].Message, w)
		}
	}
}

func digestOf(data string) registry.Digest {
	return registry.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(data))))
}

// push uploads a blob with one request and returns its digest.
func (d *door) push(repository, data string) registry.Digest {
	d.t.Helper()
	digest := digestOf(string(data))
	d.do("POST", "/v2/"+repository+"/blobs/uploads/?digest="+string(digest), data).want(201)
	return digest
}

// manifestOf is an image of a config and one layer.
func manifestOf(config, layer string, more string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]%s}`,
		registry.MediaTypeOCIManifest, digestOf(config), len(config), digestOf(layer), len(layer), more)
}

// image pushes an image of a config and one layer and returns its manifest and digest.
func (d *door) image(repository, reference, layer string) (string, registry.Digest) {
	d.t.Helper()
	d.push(repository, "{}")
	d.push(repository, layer)
	m := manifestOf("{}", layer, "")
	digest := digestOf(m)
	if reference == "" {
		reference = string(digest)
	}
	d.do("PUT", "/v2/"+repository+"/manifests/"+reference, m, "Content-Type", registry.MediaTypeOCIManifest).want(201)
	return m, digest
}
