package containerd

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"
	godigest "github.com/opencontainers/go-digest"

	"slipway/engine"
	"slipway/engine/enginetest"
)

// layoutTar is an archive of an OCI layout.
func layoutTar(t *testing.T, img v1.Image) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	enginetest.Archive(t, file, img)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// savedTar is what "docker save" of old writes.
func savedTar(t *testing.T, img v1.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tarball.Write(name.MustParseReference("test/program:1"), img, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// archiveOf is an archive that counts how often it is opened.
func archiveOf(name string, data []byte, opened *atomic.Int64) engine.Archive {
	return engine.Archive{Ref: name + "?secret", Name: name, Open: func(context.Context) (io.ReadCloser, error) {
		if opened != nil {
			opened.Add(1)
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

func TestLoad(t *testing.T) {
	e := newMachine(t).start()
	for i, c := range []struct {
		name  string
		pack  func(*testing.T, v1.Image) []byte
		press func(*testing.T, []byte) []byte
	}{
		{"layout", layoutTar, nil},
		{"layout.gz", layoutTar, zipped},
		{"layout.zst", layoutTar, zstded},
		{"saved", savedTar, nil},
		{"saved.gz", savedTar, zipped},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := enginetest.Image(t, []enginetest.Entry{enginetest.File("which", 0o644, []byte{byte(i)})})
			data := c.pack(t, img)
			if c.press != nil {
				data = c.press(t, data)
			}
			var opened atomic.Int64
			a := archiveOf("https://far.example/"+c.name, data, &opened)
			loaded, err := e.Load(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			if digest, _ := img.Digest(); loaded.Digest != digest.String() && strings.HasPrefix(c.name, "layout") {
				t.Errorf("loaded %s, want %s", loaded.Digest, digest)
			}
			task := enginetest.NewTask(t, &enginetest.Body{Engine: e, Image: "any.test/name@" + loaded.Digest})
			task.Run("main", "exit", "3").Exit(3)
			a.Digest = loaded.Digest
			again, err := e.Load(t.Context(), a)
			if err != nil || again != loaded || opened.Load() != 1 {
				t.Errorf("loaded again: %+v after %+v (%v), opened %d times", again, loaded, err, opened.Load())
			}
		})
	}
}

// What docker saved has one digest, whatever else is on the machine.
func TestDigestsOfArchivesAreThoseOfTheirBytes(t *testing.T) {
	e := newMachine(t).start()
	data := savedTar(t, enginetest.Image(t))
	alone, err := e.Load(t.Context(), archiveOf("a", data, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveImage(t.Context(), alone.Digest, time.Now()); err != nil {
		t.Fatal(err)
	}
	pull(t, e, enginetest.Push(t, enginetest.Registry(t)+"/test/program:1", enginetest.Image(t)))
	beside, err := e.Load(t.Context(), archiveOf("a", data, nil))
	if err != nil || beside.Digest != alone.Digest {
		t.Errorf("alone it is %s, beside another %s (%v)", alone.Digest, beside.Digest, err)
	}
}

func TestLoadsOfOneArchiveAreOneLoad(t *testing.T) {
	e := newMachine(t).start()
	data, hold := layoutTar(t, enginetest.Image(t)), make(chan struct{})
	var opened atomic.Int64
	a := archiveOf("a", data, nil)
	a.Open = func(context.Context) (io.ReadCloser, error) {
		opened.Add(1)
		<-hold
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	var loads sync.WaitGroup
	for range 8 {
		loads.Go(func() {
			if _, err := e.Load(t.Context(), a); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, func() bool { return e.images.pulls.waiting() == 8 })
	close(hold)
	loads.Wait()
	if opened.Load() != 1 {
		t.Errorf("it was read %d times", opened.Load())
	}
}

// An image of an archive is used by being loaded, and so is not removed by who looked before.
func TestALoadIsAUse(t *testing.T) {
	e := newMachine(t).start()
	a := archiveOf("a", layoutTar(t, enginetest.Image(t)), nil)
	loaded, err := e.Load(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	looked, err := e.Images(t.Context())
	if err != nil || len(looked) != 1 || looked[0].InUse {
		t.Fatalf("told %+v (%v)", looked, err)
	}
	if _, err := e.Load(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveImage(t.Context(), loaded.Digest, looked[0].UsedAt); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("removing what was loaded since: %v", err)
	}
	if err := e.RemoveImage(t.Context(), loaded.Digest, time.Now()); err != nil {
		t.Error(err)
	}
}

// An image that is just being removed is made ready once it is gone: its record does not go with the old one.
func TestALoadWaitsForARemoval(t *testing.T) {
	e := newMachine(t).start()
	img := enginetest.Image(t)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	removed, mine := e.images.holds.remove(digest.String())
	if !mine {
		t.Fatal("somebody holds an image that nobody has")
	}
	loaded := make(chan error, 1)
	go func() {
		_, err := e.Load(t.Context(), archiveOf("a", layoutTar(t, img), nil))
		loaded <- err
	}()
	waitFor(t, func() bool { return roomOf(t, e).blobs >= 4 }) // index, manifest, config and layer
	select {
	case err := <-loaded:
		t.Errorf("it is loaded while it is removed: %v", err)
	default:
	}
	if there, err := e.present(t.Context(), godigest.Digest(digest.String())); there != nil || err != nil {
		t.Errorf("it is here while it is removed (%v)", err)
	}
	removed()
	if err := <-loaded; err != nil {
		t.Error(err)
	}
}

// What an archive says in its names of other images changes nothing.
func TestArchivesNameNothing(t *testing.T) {
	e := newMachine(t).start()
	ref := enginetest.Push(t, enginetest.Registry(t)+"/test/program:1", enginetest.Image(t))
	pulled := pull(t, e, ref)
	other := enginetest.Image(t, []enginetest.Entry{enginetest.File("other", 0o644, nil)})
	dir := filepath.Join(t.TempDir(), "layout")
	enginetest.BuildImage(t, dir, other)
	index := filepath.Join(dir, "index.json")
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	named := strings.Replace(string(text), `"org.opencontainers.image.ref.name": "latest"`, fmt.Sprintf(`"io.containerd.image.name": %q`, ref), 1)
	if named == string(text) {
		t.Fatalf("the index is %s", text)
	}
	if err := os.WriteFile(index, []byte(named), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close()); err != nil {
		t.Fatal(err)
	}
	loaded, err := e.Load(t.Context(), archiveOf("a", b.Bytes(), nil))
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.Images(t.Context())
	if err != nil || len(all) != 2 || loaded.Digest == pulled.Digest {
		t.Errorf("after a load of %s beside %s there are %+v (%v)", loaded.Digest, pulled.Digest, all, err)
	}
}

func TestBadArchives(t *testing.T) {
	e := newMachine(t).start()
	img := enginetest.Image(t)
	good := layoutTar(t, img)
	arm, err := mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: "arm64", RootFS: configOf(t, img).RootFS})
	if err != nil {
		t.Fatal(err)
	}
	empty := room{}
	for name, c := range map[string]struct {
		data   []byte
		digest string
		why    string
	}{
		"text":         {[]byte("not a tar"), "", "not an archive of an image"},
		"nothing":      {nil, "", "not an archive of an image: it is empty"},
		"cut off":      {good[:len(good)/2], "", "not an archive of an image: unexpected EOF"},
		"damaged gzip": {zipped(t, good)[:1000], "", "not an archive of an image"},
		"no gzip":      {[]byte{0x1f, 0x8b, 1, 2, 3}, "", "not an archive of an image"},
		"no zstd":      {[]byte{0x28, 0xb5, 0x2f, 0xfd, 9}, "", "not an archive of an image"},
		"other tar":    {tarOf(t, enginetest.File("a", 0o644, []byte("a"))), "", "not an archive of an image"},
		"crowd":        {crowd(t), "", "more than 20000 entries"},
		"platform":     {layoutTar(t, arm), "", "linux/arm64"},
		"digest":       {good, "sha256:" + strings.Repeat("0", 64), "not sha256:" + strings.Repeat("0", 64)},
		"huge":         {hugeManifest(t), "", "too large"},
		"missing":      {withoutBlobs(t, enginetest.Image(t, []enginetest.Entry{enginetest.File("elsewhere", 0o644, nil)})), "", "missing in the archive"},
	} {
		a := archiveOf("https://far.example/"+name, c.data, nil)
		a.Digest = c.digest
		_, err := e.Load(t.Context(), a)
		wantPullError(t, err, a.Name, c.why)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells too much: %v", name, err)
		}
	}
	waitFor(t, func() bool { return roomOf(t, e) == empty })
}

// A source that breaks is told in its own words.
func TestBrokenSources(t *testing.T) {
	e := newMachine(t).start()
	good := layoutTar(t, enginetest.Image(t))
	broken := errors.New("the line broke")
	a := archiveOf("a", nil, nil)
	for _, c := range []func(context.Context) (io.ReadCloser, error){
		func(context.Context) (io.ReadCloser, error) { return nil, broken },
		func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(good[:len(good)/3]), failing{broken})), nil
		},
	} {
		a.Open = c
		_, err := e.Load(t.Context(), a)
		wantPullError(t, err, "a", "the line broke")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A disk that fills up while an archive comes says so.
func TestLoadStopsWhereTheDiskIsFull(t *testing.T) {
	e := newMachine(t).start()
	e.space.free = func(string) (uint64, error) { return 0, nil }
	a := archiveOf("a", layoutTar(t, enginetest.Image(t)), nil)
	_, err := e.Load(t.Context(), a)
	wantPullError(t, err, "a", "too large")
}

func tarOf(t *testing.T, entries ...enginetest.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Size = int64(len(e.Data))
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func crowd(t *testing.T) []byte {
	entries := make([]enginetest.Entry, maxEntries+1)
	for i := range entries {
		entries[i] = enginetest.Dir(fmt.Sprint(i), 0o755)
	}
	return tarOf(t, entries...)
}

// hugeManifest is an index that is larger than anything that is read into memory.
func hugeManifest(t *testing.T) []byte {
	index := `{"schemaVersion":2,"manifests":[]` + strings.Repeat(" ", maxManifest) + `}`
	return tarOf(t, enginetest.File("oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)), enginetest.File("index.json", 0o644, []byte(index)))
}

// withoutBlobs is an index of an image that is not there.
func withoutBlobs(t *testing.T, img v1.Image) []byte {
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":100}]}`, digest)
	return tarOf(t, enginetest.File("oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)), enginetest.File("index.json", 0o644, []byte(index)))
}

// FuzzSift gives any bytes as an archive: they come to an end, and what comes through is a tar.
func FuzzSift(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{{Typeflag: tar.TypeReg, Name: "index.json", Size: 2}, {Typeflag: tar.TypeSymlink, Name: "a", Linkname: "b"}, {Typeflag: tar.TypeDir, Name: "d/"}} {
		if err := w.WriteHeader(&h); err != nil {
			f.Fatal(err)
		}
		if h.Size > 0 {
			io.WriteString(w, "{}")
		}
	}
	w.Close()
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:700])
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		files := sift(io.NopCloser(bytes.NewReader(data)))
		through, err := io.ReadAll(io.LimitReader(files, 1<<20))
		if closed := files.Close(); err == nil && closed != nil {
			t.Errorf("read to its end, it fails with %v", closed)
		}
		if err != nil || len(through) == 1<<20 {
			return
		}
		for r := tar.NewReader(bytes.NewReader(through)); ; {
			h, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink {
				t.Fatalf("what comes through is %+v (%v)", h, err)
			}
		}
	})
}

// BenchmarkLoad loads an archive of 64 MiB that do not compress, and removes its image again.
func BenchmarkLoad(b *testing.B) {
	e := newMachine(b).start()
	layer := make([]byte, 64<<20)
	rand.Read(layer)
	file := filepath.Join(b.TempDir(), "image.tar")
	enginetest.Archive(b, file, enginetest.Image(b, []enginetest.Entry{enginetest.File("large", 0o644, layer)}))
	a := engine.Archive{Ref: "a", Name: "a", Open: func(context.Context) (io.ReadCloser, error) { return os.Open(file) }}
	b.SetBytes(int64(len(layer)))
	for b.Loop() {
		loaded, err := e.Load(b.Context(), a)
		if err == nil {
			err = e.RemoveImage(b.Context(), loaded.Digest, time.Now())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
