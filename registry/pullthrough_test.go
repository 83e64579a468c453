package registry_test

import (
	"context"
	"errors"
	"fmt"
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
	"golang.org/x/sync/errgroup"

	"slipway/blob"
	"slipway/registry"
	"slipway/seal/sealtest"
	"slipway/store"
)

// another is a second registry over the same rows and bytes.
func another(t testing.TB, k kit) *registry.Control {
	t.Helper()
	c, err := registry.New(t.Context(), k.db, sealtest.Keys(t, k.db), k.blobs, "us-east-1", registry.CheckPolicies(checkPolicy))
	check(t, err)
	return c
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not after ten seconds: %s", what)
}

func atOnce(t testing.TB, n int, do func(context.Context) error) {
	t.Helper()
	all, ctx := errgroup.WithContext(t.Context())
	for range n {
		all.Go(func() error { return do(ctx) })
	}
	check(t, all.Wait())
}

// upstream is another registry: a small genuine one, which tells what it was asked for.
type upstream struct {
	*httptest.Server
	t    testing.TB
	mu   sync.Mutex
	asks []string
	hook func(http.ResponseWriter, *http.Request) bool // true: it has answered
}

func startUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{t: t}
	real := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		hook := u.hook
		if r.Method == "GET" || r.Method == "HEAD" {
			u.asks = append(u.asks, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v2/"))
		}
		u.mu.Unlock()
		if hook == nil || r.Header.Get("X-Test") != "" || !hook(w, r) {
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// intercept has a function answer first.
func (u *upstream) intercept(hook func(http.ResponseWriter, *http.Request) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hook = hook
}

// fails answers everything with a status.
func (u *upstream) fails(status int) {
	u.intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "the secret of the upstream", status)
		return true
	})
}

// asked are the calls since it was last asked for them.
func (u *upstream) asked() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	asked := u.asks
	u.asks = nil
	return asked
}

func (u *upstream) put(path, contentType string, data []byte) {
	u.t.Helper()
	method := http.MethodPut
	if strings.Contains(path, "/blobs/") {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(u.t.Context(), method, u.URL+"/v2/"+path, strings.NewReader(string(data)))
	check(u.t, err)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Test", "1")
	res, err := u.Client().Do(r)
	check(u.t, err)
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		u.t.Fatalf("PUT %s: %s", path, res.Status)
	}
}

// push gives the other registry an image.
func (u *upstream) push(repository, tag, config string, layers ...string) manifest {
	u.t.Helper()
	for _, data := range append([]string{config}, layers...) {
		u.put(repository+"/blobs/uploads/?digest="+string(blob.DigestOf([]byte(data))), "application/octet-stream", []byte(data))
	}
	m := imageOf(config, layers...)
	u.putManifest(repository, tag, m)
	return m
}

func (u *upstream) putManifest(repository, tag string, m manifest) {
	u.t.Helper()
	if tag == "" {
		tag = string(blob.DigestOf(m.raw()))
	}
	u.put(repository+"/manifests/"+tag, m.MediaType, m.raw())
}

// rule makes images under the prefix come from the other registry.
func (k kit) rule(prefix string, u *upstream) {
	k.t.Helper()
	_, err := k.CreateUpstream(k.t.Context(), registry.Upstream{Account: account, Prefix: prefix, URL: u.URL})
	check(k.t, err)
}

// through is each with a rule for "up" and the loops running.
func through(t *testing.T, test func(*testing.T, kit, *upstream)) {
	each(t, func(t *testing.T, k kit) {
		u := startUpstream(t)
		k.rule("up", u)
		k.runs()
		test(t, k, u)
	})
}

func may(bool) error { return nil }

var errMayNot = errors.New("may not")

func mayNot(bool) error { return errMayNot }

func (k kit) pullTag(repository, tag string) registry.Manifest {
	k.t.Helper()
	m, err := k.Pull(k.t.Context(), account, repository, registry.ImageID{Tag: tag}, may)
	check(k.t, err)
	return m
}

// wantHere waits until a tag is here, and is the image.
func (k kit) wantHere(repository, tag string, m manifest) {
	k.t.Helper()
	eventually(k.t, tag+" is here as "+string(blob.DigestOf(m.raw())), func() bool {
		d, _, err := k.Resolve(k.t.Context(), account, repository, tag)
		return err == nil && d == blob.DigestOf(m.raw())
	})
}

// late makes the tags that came from elsewhere due to be looked up again.
func (k kit) late() {
	k.t.Helper()
	check(k.t, k.db.Update(k.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`update registry_upstream_tags set due = 1`)
		return err
	}))
}

// noted waits until it is written down when a tag is to be looked up again.
func (k kit) noted(tag string) {
	k.t.Helper()
	eventually(k.t, tag+" is noted", func() bool {
		var n int
		check(k.t, k.db.View(k.t.Context(), func(tx *store.Tx) error {
			return tx.Row(`select count(*) from registry_upstream_tags where name = $1 and due > 1`, tag).Scan(&n)
		}))
		return n > 0
	})
}

func TestAFirstPullBringsTheImage(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		m := u.push("team/web", "v1", "{}", "layer one", "layer two")
		got := k.pullTag("up/team/web", "v1")
		if string(got.Raw) != string(m.raw()) || got.MediaType != registry.MediaTypeOCIManifest || got.Digest != blob.DigestOf(m.raw()) {
			t.Errorf("pulled %s of %s as %s", got.Raw, got.Digest, got.MediaType)
		}
		k.wantHere("up/team/web", "v1", m)
		k.noted("v1")
		u.asked()
		u.Close()
		for _, layer := range []string{"{}", "layer one", "layer two"} {
			if got := k.readBack("up/team/web", layer); got != layer {
				t.Errorf("read %q, want %q", got, layer)
			}
		}
		if again := k.pullTag("up/team/web", "v1"); string(again.Raw) != string(m.raw()) {
			t.Errorf("pulled again: %s", again.Raw)
		}
	})
}

// readBack reads a blob that is here.
func (k kit) readBack(repository, data string) string {
	k.t.Helper()
	r, err := k.OpenBlob(k.t.Context(), account, repository, blob.DigestOf([]byte(data)))
	check(k.t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	check(k.t, err)
	return string(got)
}

func TestAnIndexComesWithAllItsImages(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		one, two := u.push("web", "", "{}", "for amd64"), u.push("web", "", "{}", "for arm64")
		inner := indexOf(two)
		u.putManifest("web", "", inner)
		index := indexOf(one, inner)
		u.putManifest("web", "v1", index)
		k.pullTag("up/web", "v1")
		child, err := k.Pull(t.Context(), account, "up/web", registry.ImageID{Digest: blob.DigestOf(two.raw())}, may)
		check(t, err)
		if string(child.Raw) != string(two.raw()) {
			t.Errorf("pulled %s", child.Raw)
		}
		k.wantHere("up/web", "v1", index)
		wantSame(t, "layers", []string{k.readBack("up/web", "for amd64"), k.readBack("up/web", "for arm64")}, []string{"for amd64", "for arm64"})
	})
}

// A tag is looked up again a day later, and not before.
func TestATagIsAsNewAsYesterday(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		first := u.push("web", "v1", "{}", "first")
		k.pullTag("up/web", "v1")
		k.wantHere("up/web", "v1", first)
		k.noted("v1")
		second := u.push("web", "v1", "{}", "second")
		u.asked()
		if got := k.pullTag("up/web", "v1"); got.Digest != blob.DigestOf(first.raw()) {
			t.Errorf("within the day it is %s", got.Digest)
		}
		wantSame(t, "asked within the day", u.asked(), nil)

		k.late()
		if got := k.pullTag("up/web", "v1"); got.Digest != blob.DigestOf(second.raw()) {
			t.Errorf("after the day it is %s", got.Digest)
		}
		k.wantHere("up/web", "v1", second)
		k.noted("v1")
		k.late()
		u.asked()
		k.pullTag("up/web", "v1")
		k.pullTag("up/web", "v1")
		wantSame(t, "asked when nothing has moved", u.asked(), []string{"HEAD web/manifests/v1"})
	})
}

// What is here is served when the other registry cannot be asked, and that is not tried at each pull.
func TestWhatIsHereOutlivesWhereItCameFrom(t *testing.T) {
	for _, status := range []int{401, 404, 500} {
		through(t, func(t *testing.T, k kit, u *upstream) {
			m := u.push("web", "v1", "{}", "layer")
			k.pullTag("up/web", "v1")
			k.wantHere("up/web", "v1", m)
			k.noted("v1")
			k.late()
			u.fails(status)
			for range 2 {
				if got := k.pullTag("up/web", "v1"); got.Digest != blob.DigestOf(m.raw()) {
					t.Errorf("it is %s", got.Digest)
				}
			}
			u.asked()
			k.pullTag("up/web", "v1")
			wantSame(t, "asked", u.asked(), nil)
		})
	}
}

func TestImmutableTagsAreNotLookedUp(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		made := templateFor("up")
		made.Uses, made.Mutability = []registry.Use{registry.UsePullThrough}, registry.Mutability{Immutable: true}
		k.template(made)
		first := u.push("web", "v1", "{}", "first")
		k.pullTag("up/web", "v1")
		k.wantHere("up/web", "v1", first)
		k.noted("v1")
		u.push("web", "v1", "{}", "second")
		k.late()
		u.asked()
		if got := k.pullTag("up/web", "v1"); got.Digest != blob.DigestOf(first.raw()) {
			t.Errorf("it is %s", got.Digest)
		}
		wantSame(t, "asked", u.asked(), nil)
	})
}

// What was pushed here is nobody else's.
func TestTagsThatWerePushedHereStay(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		m := u.push("web", "v1", "{}", "theirs")
		k.pullTag("up/web", "v1")
		k.wantHere("up/web", "v1", m)
		k.noted("v1")
		mine := k.push("up/web", "v1", "{}", "mine")
		own := k.push("up/web", "own", "{}", "own")
		k.late()
		u.asked()
		wantSame(t, "pulled", []registry.Digest{k.pullTag("up/web", "v1").Digest, k.pullTag("up/web", "own").Digest}, []registry.Digest{mine, own})
		wantSame(t, "asked", u.asked(), nil)
	})
}

func TestWhoMayNotBringImagesPullsWhatIsHere(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		m := u.push("web", "v1", "{}", "layer")
		_, err := k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v1"}, mayNot)
		wantErr(t, err, errMayNot)
		wantSame(t, "asked", u.asked(), nil)
		_, err = k.Repository(t.Context(), account, "up/web")
		wantErr(t, err, registry.ErrNoRepository)

		var created []bool
		_, err = k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v1"}, func(create bool) error {
			created = append(created, create)
			return nil
		})
		check(t, err)
		k.wantHere("up/web", "v1", m)
		k.noted("v1")
		k.late()
		got, err := k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v1"}, mayNot)
		check(t, err)
		if got.Digest != blob.DigestOf(m.raw()) || !slices.Equal(created, []bool{true}) {
			t.Errorf("pulled %s; asked whether it may create: %v", got.Digest, created)
		}
		_, _, err = k.PullBlob(t.Context(), account, "up/web", missing(1), mayNot)
		wantErr(t, err, errMayNot)
		_, err = k.PullBlobSize(t.Context(), account, "up/web", missing(1), mayNot)
		wantErr(t, err, errMayNot)
	})
}

// Nothing that the other registry writes is told: it may be of a network that the caller cannot see.
func TestWhyAnImageDoesNotCome(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		u.push("web", "v1", "{}", "layer")
		for status, want := range map[int]error{
			401: registry.ErrUpstreamDenied, 403: registry.ErrUpstreamDenied, 404: registry.ErrNoRepository,
			400: registry.ErrUpstreamDown, 501: registry.ErrUpstreamDown,
		} {
			u.fails(status)
			_, err := k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v1"}, may)
			wantErr(t, err, want)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("it tells: %v", err)
			}
		}
		u.intercept(nil)
		k.pullTag("up/web", "v1")
		u.fails(404)
		_, _, err := k.PullBlob(t.Context(), account, "up/web", missing(1), may)
		wantErr(t, err, registry.ErrNoBlob)
		_, err = k.PullBlobSize(t.Context(), account, "up/web", missing(1), may)
		wantErr(t, err, registry.ErrNoBlob)
		_, err = k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v2"}, may)
		wantErr(t, err, registry.ErrNoImage)
		u.Close()
		_, err = k.Pull(t.Context(), account, "up/web", registry.ImageID{Tag: "v2"}, may)
		wantErr(t, err, registry.ErrUpstreamDown)
	})
}

// Where no rule is, nothing is asked for.
func TestPullsWithoutARule(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		want := k.push("web", "v1", "{}", "layer")
		if got := k.pullTag("web", "v1"); got.Digest != want {
			t.Errorf("it is %s", got.Digest)
		}
		for repository, cause := range map[string]error{"web": registry.ErrNoImage, "upper/web": registry.ErrNoRepository, "up": registry.ErrNoRepository} {
			_, err := k.Pull(t.Context(), account, repository, registry.ImageID{Tag: "v2"}, mayNot)
			wantErr(t, err, cause)
		}
		_, _, err := k.PullBlob(t.Context(), account, "web", missing(1), mayNot)
		wantErr(t, err, registry.ErrNoBlob)
		_, _, err = k.PullBlob(t.Context(), account, "up/web", missing(1), mayNot)
		wantErr(t, err, registry.ErrNoRepository)
		wantSame(t, "asked", u.asked(), nil)
		for repository, want := range map[string]bool{"up/web": true, "up": false, "web": false} {
			if got, err := k.HasUpstream(t.Context(), account, repository); err != nil || got != want {
				t.Errorf("%s has an upstream: %v, error %v", repository, got, err)
			}
		}
	})
}

// A layer is read there once, however many want it, and reaches all of them as it comes.
func TestALayerComesOnceForAll(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		layer := strings.Repeat("0123456789abcdef", 1<<16)
		m := u.push("web", "v1", "{}", layer)
		digest := m.Layers[0].Digest
		gate := make(chan struct{})
		u.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != "GET" || !strings.HasSuffix(r.URL.Path, string(digest)) {
				return false
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(layer)))
			io.WriteString(w, layer[:len(layer)/2])
			http.NewResponseController(w).Flush()
			<-gate
			io.WriteString(w, layer[len(layer)/2:])
			return true
		})
		k.pullTag("up/web", "v1")
		var halves sync.WaitGroup
		halves.Add(10)
		go func() {
			halves.Wait()
			close(gate)
		}()
		atOnce(t, 10, func(ctx context.Context) error {
			r, size, err := k.PullBlob(ctx, account, "up/web", digest, may)
			if err != nil {
				return err
			}
			defer r.Close()
			half := make([]byte, len(layer)/2)
			_, err = io.ReadFull(r, half)
			halves.Done()
			rest, end := io.ReadAll(r)
			if string(half)+string(rest) != layer || size != int64(len(layer)) {
				return fmt.Errorf("%d bytes and %d of %d, errors %v and %v", len(half), len(rest), size, err, end)
			}
			return errors.Join(err, end)
		})
		k.wantHere("up/web", "v1", m)
		if got := k.readBack("up/web", layer); got != layer {
			t.Errorf("%d bytes are here", len(got))
		}
		gets := slices.DeleteFunc(u.asked(), func(ask string) bool { return ask != "GET web/blobs/"+string(digest) })
		if len(gets) != 1 {
			t.Errorf("read there %d times", len(gets))
		}
		if size, err := k.PullBlobSize(t.Context(), account, "up/web", digest, may); err != nil || size != int64(len(layer)) {
			t.Errorf("size %d, error %v", size, err)
		}
	})
}

// A registry that lies, or breaks off, leaves nothing behind.
func TestOnlyTheTrueBytesAreKept(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		for what, answer := range map[string]func(http.ResponseWriter){
			"others": func(w http.ResponseWriter) { io.WriteString(w, "other") },
			"fewer": func(w http.ResponseWriter) {
				w.Header().Set("Content-Length", "100")
				io.WriteString(w, "lay")
			},
		} {
			u.intercept(nil)
			m := u.push("web", "v1", "{}", "layer of "+what)
			u.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				wrong := strings.Contains(r.URL.Path, "/blobs/") && r.Method == "GET"
				if wrong {
					answer(w)
				}
				return wrong
			})
			k.pullTag("up/web", "v1")
			r, _, err := k.PullBlob(t.Context(), account, "up/web", m.Layers[0].Digest, may)
			check(t, err)
			got, err := io.ReadAll(r)
			r.Close()
			if what == "fewer" && err == nil {
				t.Errorf("%s: %q reads as if it were whole", what, got)
			}
			k.wantNoBlob("up/web", m.Layers[0].Digest)
			k.wantNoImage("up/web", "v1")
			eventually(t, "nothing waits", func() bool {
				left, err := k.blobs.Uploads(t.Context())
				return err == nil && len(left) == 0
			})
		}
	})
}

func (k kit) wantNoBlob(repository string, d registry.Digest) {
	k.t.Helper()
	_, err := k.BlobSize(k.t.Context(), account, repository, d)
	wantErr(k.t, err, registry.ErrNoBlob)
}

// A manifest that is not what it is called by is not passed on.
func TestOnlyTrueManifestsArePassedOn(t *testing.T) {
	through(t, func(t *testing.T, k kit, u *upstream) {
		m := u.push("web", "v1", "{}", "layer")
		for body, want := range map[string]error{string(m.raw()) + " ": registry.ErrMismatch, "{}": registry.ErrManifest} {
			u.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Type", registry.MediaTypeOCIManifest)
				w.Header().Set("Docker-Content-Digest", string(blob.DigestOf(m.raw())))
				io.WriteString(w, body)
				return true
			})
			for _, id := range []registry.ImageID{{Tag: "v1"}, {Digest: blob.DigestOf(m.raw())}} {
				_, err := k.Pull(t.Context(), account, "up/web", id, may)
				wantErr(t, err, want)
			}
		}
		_, err := k.Repository(t.Context(), account, "up/web")
		wantErr(t, err, registry.ErrNoRepository)
	})
}
