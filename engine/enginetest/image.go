package enginetest

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ProgramPath is where the test program is in images of Image.
const ProgramPath = "/bin/program"

// DeclaredVolume is a path that images of Image say they write to.
const DeclaredVolume = "/seeded/declared"

// Entry is one entry of a layer. Its Size is that of Data.
type Entry struct {
	tar.Header
	Data []byte
}

// File is a regular file as a layer's entry.
func File(path string, mode int64, data []byte) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: mode}, Data: data}
}

// Dir is a folder as a layer's entry.
func Dir(path string, mode int64) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: path, Mode: mode}}
}

func link(path, to string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: path, Linkname: to, Mode: 0o777}}
}

// Image is an OCI image for linux/amd64 of one layer that holds the test program, a /tmp, users
// root and app (1000:1000, also in group extra, 2000), a folder /seeded that is app's and holds a file, links
// that would lead out of it, and on top the given layers. It runs the test program; see
// engine/enginetest/program for what that does.
func Image(t testing.TB, layers ...[]Entry) v1.Image {
	t.Helper()
	base := []Entry{
		Dir("bin", 0o755), File("bin/program", 0o755, program(t)),
		Dir("etc", 0o755),
		File("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")),
		File("etc/group", 0o644, []byte("root:x:0:\napp:x:1000:\nextra:x:2000:app\n")),
		Dir("root", 0o700), Dir("home", 0o755),
		{Header: tar.Header{Typeflag: tar.TypeDir, Name: "home/app", Mode: 0o755, Uid: 1000, Gid: 1000}},
		Dir("tmp", 0o1777),
		{Header: tar.Header{Typeflag: tar.TypeDir, Name: "seeded", Mode: 0o750, Uid: 1000, Gid: 2000}},
		{Header: tar.Header{Typeflag: tar.TypeReg, Name: "seeded/seed", Mode: 0o640, Uid: 1000, Gid: 2000}, Data: []byte("from the image\n")},
		link("out", "/../../../../../../../../tmp"), link("up", "../../../../../../../../tmp"), link("seeded/away", "/etc"),
	}
	return ImageOf(t, append([][]Entry{base}, layers...)...)
}

// ImageOf is an image of exactly the given layers, set to run ProgramPath.
func ImageOf(t testing.TB, layers ...[]Entry) v1.Image {
	t.Helper()
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	img = must(mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64",
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Entrypoint: []string{ProgramPath},
			Volumes:    map[string]struct{}{DeclaredVolume: {}},
			Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		},
	}))(t)
	for _, entries := range layers {
		img = must(mutate.AppendLayers(img, Layer(t, entries...)))(t)
	}
	return img
}

// Configure changes what an image runs.
func Configure(t testing.TB, img v1.Image, change func(*v1.Config)) v1.Image {
	t.Helper()
	file := must(img.ConfigFile())(t).DeepCopy()
	change(&file.Config)
	return must(mutate.ConfigFile(img, file))(t)
}

// Layer is a gzip layer of the entries as they stand, however hostile.
func Layer(t testing.TB, entries ...Entry) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
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
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return must(tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer)))(t)
}

// BuildImage writes img as an OCI layout into the new folder dir, tagged "latest".
func BuildImage(t testing.TB, dir string, img v1.Image) {
	t.Helper()
	path := must(layout.Write(dir, empty.Index))(t)
	tag := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "latest"})
	if err := path.AppendImage(img, tag); err != nil {
		t.Fatal(err)
	}
}

// Archive writes img as an OCI layout in a tar file.
func Archive(t testing.TB, file string, img v1.Image) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	BuildImage(t, dir, img)
	f := must(os.Create(file))(t)
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Registry serves an empty registry on loopback until the test ends and returns its host and
// port. Requests pass through the given handlers, outermost first.
func Registry(t testing.TB, through ...func(http.Handler) http.Handler) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	for i := len(through) - 1; i >= 0; i-- {
		handler = through[i](handler)
	}
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	server := &http.Server{Handler: handler}
	var served sync.WaitGroup
	served.Go(func() { server.Serve(listener) })
	t.Cleanup(func() {
		server.Close()
		served.Wait()
	})
	return listener.Addr().String()
}

// Push pushes img as ref and returns the reference pinned to its digest.
func Push(t testing.TB, ref string, img v1.Image, options ...remote.Option) string {
	t.Helper()
	parsed := must(name.ParseReference(ref, name.Insecure))(t)
	if err := remote.Write(parsed, img, options...); err != nil {
		t.Fatal(err)
	}
	return parsed.Context().Name() + "@" + must(img.Digest())(t).String()
}

// PushIndex pushes an index of images as ref.
func PushIndex(t testing.TB, ref string, index v1.ImageIndex) {
	t.Helper()
	if err := remote.WriteIndex(must(name.ParseReference(ref, name.Insecure))(t), index); err != nil {
		t.Fatal(err)
	}
}

var (
	programOnce  sync.Once
	programBytes []byte
	programErr   error
)

// program compiles the test program, once in a test process.
func program(t testing.TB) []byte {
	t.Helper()
	programOnce.Do(func() {
		programBytes, programErr = Compile(t.TempDir(), "slipway/engine/enginetest/program")
	})
	if programErr != nil {
		t.Fatal(programErr)
	}
	return programBytes
}

// Compile builds a static binary of a main package of this module, using dir for its work.
func Compile(dir, pkg string) ([]byte, error) {
	out := filepath.Join(dir, "program")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, &exec.Error{Name: build.String() + ": " + string(text), Err: err}
	}
	return os.ReadFile(out)
}

// must turns a result that should be there into a fatal test failure when it is not.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
