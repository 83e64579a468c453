package containerd

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	imagename "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// counter counts the requests that pass and can turn them away.
type counter struct {
	requests, layers atomic.Int64
	closed           atomic.Bool
	hold             chan struct{} // requests for layers wait until it closes
	layerDigest      string
}

func (c *counter) through(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		if c.closed.Load() {
			http.Error(w, "closed", http.StatusServiceUnavailable)
			return
		}
		if r.Method == http.MethodGet && c.layerDigest != "" && strings.HasSuffix(r.URL.Path, c.layerDigest) {
			c.layers.Add(1)
			<-c.hold
		}
		next.ServeHTTP(w, r)
	})
}

func TestPresentImageNeedsNoNetwork(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	var registry counter
	pinned := enginetest.Push(t, enginetest.Registry(t, registry.through)+"/test/program:1", enginetest.Image(t))
	first := pull(t, e, pinned)
	before := registry.requests.Load()
	registry.closed.Store(true)

	again := pull(t, e, pinned)
	elsewhere := pull(t, m.start(), "unreachable.invalid/other@"+again.Digest)
	if registry.requests.Load() != before {
		t.Error("a pull of what is here asked the registry")
	}
	if again != first || elsewhere.Digest != first.Digest || elsewhere.Size != first.Size {
		t.Errorf("pulled %+v, %+v and %+v", first, again, elsewhere)
	}
	if first.Size == 0 || first.Platform != "linux/amd64" || !strings.HasSuffix(pinned, first.Digest) {
		t.Errorf("pulled %+v of %s", first, pinned)
	}
}

func TestPullsOfOneImageAreOnePull(t *testing.T) {
	e := newMachine(t).start()
	img := enginetest.Image(t)
	registry := counter{hold: make(chan struct{})}
	ref := enginetest.Registry(t, registry.through) + "/test/program:1"
	enginetest.Push(t, ref, img)
	registry.layerDigest = layerDigest(t, img)

	var pulls sync.WaitGroup
	for range 8 {
		pulls.Go(func() {
			if _, err := e.Pull(t.Context(), ref, engine.Login{}); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, func() bool { return e.images.pulls.waiting() == 8 })
	close(registry.hold)
	pulls.Wait()
	if n := registry.layers.Load(); n != 1 {
		t.Errorf("the layer was fetched %d times", n)
	}
}

// Whoever comes first brings a layer that several images have.
func TestImagesThatShareLayersArePulledAtOnce(t *testing.T) {
	e := newMachine(t).start()
	host := enginetest.Registry(t)
	shared := []enginetest.Entry{enginetest.File("shared", 0o644, []byte(strings.Repeat("shared ", 1<<16)))}
	var pulls sync.WaitGroup
	for i := range 5 {
		own := []enginetest.Entry{enginetest.File("own", 0o644, []byte{byte(i)})}
		ref := enginetest.Push(t, fmt.Sprintf("%s/test/image%d:1", host, i), enginetest.Image(t, shared, own))
		pulls.Go(func() {
			if _, err := e.Pull(t.Context(), ref, engine.Login{}); err != nil {
				t.Error(err)
			}
		})
	}
	pulls.Wait()
}

func layerDigest(t *testing.T, img v1.Image) string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// A registry that asks for a token gets the login, turns it into a token, and gives the image for it.
func TestLogin(t *testing.T) {
	e := newMachine(t).start()
	host := enginetest.Registry(t, tokenDoor("ann", "s3cret"))
	ref := host + "/private/program:1"
	enginetest.Push(t, ref, enginetest.Image(t), remote.WithAuth(&authn.Basic{Username: "ann", Password: "s3cret"}))

	for _, login := range []engine.Login{{}, {Username: "ann", Password: "wrong"}} {
		_, err := e.Pull(t.Context(), ref, login)
		wantPullError(t, err, ref, "access denied")
	}
	if _, err := e.Pull(t.Context(), ref, engine.Login{Username: "ann", Password: "s3cret"}); err != nil {
		t.Error(err)
	}
}

// tokenDoor is a registry's authorization as docker's token specification has it.
func tokenDoor(user, password string) func(http.Handler) http.Handler {
	token := fmt.Sprintf("%x", sha256.Sum256([]byte(user+password)))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, word, _ := r.BasicAuth()
			switch {
			case r.URL.Path == "/token" && name == user && word == password:
				fmt.Fprintf(w, `{"token":%q}`, token)
			case r.Header.Get("Authorization") == "Bearer "+token:
				next.ServeHTTP(w, r)
			default:
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
	}
}

func TestPullErrorsSayWhichImageAndWhy(t *testing.T) {
	e := newMachine(t).start()
	host := enginetest.Registry(t)
	img := enginetest.Image(t)
	pinned := enginetest.Push(t, host+"/test/program:1", img)
	arm, err := mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: "arm64", RootFS: configOf(t, img).RootFS})
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}},
	})
	enginetest.Push(t, host+"/test/arm:1", arm)
	enginetest.PushIndex(t, host+"/test/index:1", index)
	liar := enginetest.Registry(t, lying)
	enginetest.Push(t, liar+"/test/lie:1", enginetest.Image(t, []enginetest.Entry{enginetest.File("lie", 0o644, []byte("lie"))}))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	sick := enginetest.Registry(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	})
	final, mayPass := engine.ErrPull, engine.ErrRegistry

	for _, c := range []struct {
		ref, why string
		kind     error
	}{
		{host + "/test/program:2", "manifest unknown", final},
		{strings.Replace(pinned, "sha256:", "sha256:0000", 1)[:len(pinned)], "manifest unknown", final},
		{closed.Addr().String() + "/test/program:1", "connection refused", mayPass},
		{sick + "/test/program:1", "503", mayPass},
		{host + "/test/arm:1", "linux/arm64", final},
		{host + "/test/index:1", "no matching platform", final},
		{liar + "/test/lie:1", "digest mismatch", final},
		{"Not A Reference", "reference", final},
		{host + "/test/program@sha256:12", "reference", final},
	} {
		_, err := e.Pull(t.Context(), c.ref, engine.Login{})
		wantPullError(t, err, c.ref, c.why)
		if !errors.Is(err, c.kind) {
			t.Errorf("%s: %v is of the wrong kind", c.ref, err)
		}
	}
}

// lying changes the bytes of layers on their way.
func lying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			w = &liarWriter{w}
		}
		next.ServeHTTP(w, r)
	})
}

type liarWriter struct{ http.ResponseWriter }

func (l *liarWriter) Write(data []byte) (int, error) {
	lie := append([]byte(nil), data...)
	if len(lie) > 0 {
		lie[len(lie)/2] ^= 1
	}
	return l.ResponseWriter.Write(lie)
}

// What an image holds stays in its container, or the image is refused by its name.
func TestHostileImages(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	host := enginetest.Registry(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("../", 40) + strings.TrimPrefix(outside, "/")
	evil := []byte("evil")
	link := func(kind byte, name, target string) enginetest.Entry {
		return enginetest.Entry{Header: tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}}
	}
	for name, entries := range map[string][]enginetest.Entry{
		"parent":        {enginetest.File(deep, 0o644, evil)},
		"absolute":      {enginetest.File(outside, 0o644, evil)},
		"link-out":      {link(tar.TypeSymlink, "out", "/"), enginetest.File("out"+outside, 0o644, evil)},
		"link-up":       {link(tar.TypeSymlink, "up", strings.Repeat("../", 40)), enginetest.File("up"+outside, 0o644, evil)},
		"link-itself":   {link(tar.TypeSymlink, "f", outside), enginetest.File("f", 0o644, evil)},
		"hard-link-out": {link(tar.TypeLink, "hard", deep), enginetest.File("hard", 0o644, evil)},
		"whiteout-out":  {enginetest.File(filepath.Dir(deep)+"/.wh."+filepath.Base(deep), 0o644, nil)},
		"loop":          {link(tar.TypeSymlink, "a", "b"), link(tar.TypeSymlink, "b", "a"), enginetest.File("a/x", 0o644, evil)},
		"passwd-link":   {link(tar.TypeSymlink, "etc/passwd", "/../../../../etc/shadow")},
	} {
		t.Run(name, func(t *testing.T) {
			ref := host + "/hostile/" + name + ":1"
			enginetest.Push(t, ref, enginetest.Image(t, entries))
			_, err := e.Pull(t.Context(), ref, engine.Login{})
			if err != nil {
				wantPullError(t, err, ref)
			} else {
				task := enginetest.NewTask(t, &enginetest.Body{Engine: e, Image: ref})
				task.Run("main", "exit", "3").Exit(3)
			}
			if data, err := os.ReadFile(outside); err != nil || string(data) != "untouched" {
				t.Errorf("the file outside is %q (%v)", data, err)
			}
		})
	}
}

// runc would wait at a pipe for ever.
func TestPasswdMustBeAFile(t *testing.T) {
	e := newMachine(t).start()
	pipe := enginetest.Entry{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "etc/passwd", Mode: 0o644}}
	ref := enginetest.Push(t, enginetest.Registry(t)+"/hostile/pipe:1", enginetest.Image(t, []enginetest.Entry{pipe}))
	task := enginetest.NewTask(t, &enginetest.Body{Engine: e, Image: ref})
	err := e.Create(t.Context(), task.Spec("main", "exit", "0"))
	if !errors.Is(err, engine.ErrCreate) || !strings.Contains(err.Error(), "/etc/passwd") || !strings.Contains(err.Error(), ref) {
		t.Errorf("error %v, want %v that names the file and the image", err, engine.ErrCreate)
	}
}

// A device node of an image opens nothing, not even for its root.
func TestDeviceNodeOpensNothing(t *testing.T) {
	e := newMachine(t).start()
	kmsg := enginetest.Entry{Header: tar.Header{Typeflag: tar.TypeChar, Name: "kmsg", Mode: 0o666, Devmajor: 1, Devminor: 11}}
	memory := enginetest.Entry{Header: tar.Header{Typeflag: tar.TypeChar, Name: "memory", Mode: 0o666, Devmajor: 1, Devminor: 1}}
	ref := enginetest.Push(t, enginetest.Registry(t)+"/hostile/device:1", enginetest.Image(t, []enginetest.Entry{kmsg, memory}))
	task := enginetest.NewTask(t, &enginetest.Body{Engine: e, Image: ref})
	c := task.Run("main", "try", "/kmsg", "then", "try", "/memory")
	c.Exit(0)
	if out := c.Printed(); strings.Contains(out, "opened") || strings.Count(out, "not permitted") != 2 {
		t.Errorf("opening devices: %s", out)
	}
}

func TestHugeImages(t *testing.T) {
	e := newMachine(t).start()
	host := enginetest.Registry(t)
	img := enginetest.Image(t)
	for name, change := range map[string]func(*v1.Manifest){
		"layer":  func(m *v1.Manifest) { m.Layers[0].Size = 1 << 50 },
		"config": func(m *v1.Manifest) { m.Config.Size = 1 << 40 },
	} {
		ref := host + "/hostile/" + name + ":1"
		enginetest.Push(t, ref, img)
		tag, err := imagename.ParseReference(ref, imagename.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Put(tag, bragging{img, change}); err != nil {
			t.Fatal(err)
		}
		_, err = e.Pull(t.Context(), ref, engine.Login{})
		wantPullError(t, err, ref, "too large")
	}
}

// A pull under which the disk fills up, be it by what a small layer unpacks to, ends before the last
// of it is used.
func TestDiskFillsUpUnderAPull(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	var full atomic.Bool
	e.space.free = func(dir string) (uint64, error) {
		if full.Load() {
			return 0, nil
		}
		return freeAboveReserve(dir)
	}
	img := enginetest.Image(t)
	registry := counter{hold: make(chan struct{}), layerDigest: layerDigest(t, img)}
	ref := enginetest.Push(t, enginetest.Registry(t, registry.through)+"/test/program:1", img)
	pulled := make(chan error)
	go func() {
		_, err := e.Pull(t.Context(), ref, engine.Login{})
		pulled <- err
	}()
	waitFor(t, func() bool { return registry.layers.Load() == 1 })
	full.Store(true)
	wantPullError(t, <-pulled, ref, "too large", m.options.Data)

	full.Store(false)
	close(registry.hold)
	pull(t, e, ref)
}

// bragging is an image whose manifest tells other sizes.
type bragging struct {
	v1.Image
	change func(*v1.Manifest)
}

func (b bragging) RawManifest() ([]byte, error) {
	m, err := b.Manifest()
	if err != nil {
		return nil, err
	}
	m = m.DeepCopy()
	b.change(m)
	return json.Marshal(m)
}

// waiting counts those who wait for pulls.
func (f *flights) waiting() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, flown := range f.flown {
		n += flown.waiting
	}
	return n
}

// waitFor looks again and again, for what no event tells.
func waitFor(t *testing.T, come func() bool) {
	t.Helper()
	const patience = time.Minute // it is no measure of speed
	for end := time.Now().Add(patience); !come(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

func pull(t *testing.T, e *Engine, ref string) engine.Image {
	t.Helper()
	img, err := e.Pull(t.Context(), ref, engine.Login{})
	if err != nil {
		t.Fatal(err)
	}
	img.Ref = ""
	return img
}

func configOf(t *testing.T, img v1.Image) *v1.ConfigFile {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func wantPullError(t *testing.T, err error, words ...string) {
	t.Helper()
	if !errors.Is(err, engine.ErrPull) && !errors.Is(err, engine.ErrRegistry) {
		t.Errorf("error %v, want %v", err, engine.ErrPull)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not name %q", err, word)
		}
	}
}
