package runtimes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"testing"
)

// The image has what functions are promised, and its parts name each other rightly.
func TestBase(t *testing.T) {
	image, err := Base("arm64", []byte("certificates"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Base("arm64", []byte("certificates"))
	if !bytes.Equal(image.Manifest, again.Manifest) {
		t.Error("the same image made twice is not the same")
	}
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct {
			Digest string
			Size   int
		}
	}
	var config struct {
		Architecture string
		Config       struct{ User, WorkingDir string }
		Rootfs       struct {
			Diffs []string `json:"diff_ids"`
		}
	}
	if json.Unmarshal(image.Manifest, &manifest) != nil || json.Unmarshal(image.Config, &config) != nil {
		t.Fatalf("%s %s", image.Manifest, image.Config)
	}
	z, err := gzip.NewReader(bytes.NewReader(image.Layer))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case manifest.Config.Digest != digest(image.Config), len(manifest.Layers) != 1, manifest.Layers[0].Digest != digest(image.Layer),
		manifest.Layers[0].Size != len(image.Layer), len(config.Rootfs.Diffs) != 1, config.Rootfs.Diffs[0] != digest(plain):
		t.Errorf("%s %s", image.Manifest, image.Config)
	case config.Architecture != "arm64" || config.Config.User != "993:990" || config.Config.WorkingDir != "/var/task":
		t.Errorf("%s", image.Config)
	}
	files := read(t, plain)
	for name, mode := range map[string]int64{"var/task/": 0o755, "opt/": 0o755, "tmp/": 0o1777, "etc/passwd": 0o644, "etc/ssl/certs/ca-certificates.crt": 0o644} {
		if h := files[name]; h == nil || h.Mode != mode {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func read(t *testing.T, plain []byte) map[string]*tar.Header {
	t.Helper()
	files := map[string]*tar.Header{}
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = h
	}
}

func TestBaseWithoutCertificates(t *testing.T) {
	if _, err := Base("x86_64", nil); err != nil {
		t.Error(err)
	}
	if _, err := Base("riscv64", nil); err == nil {
		t.Error("an image for a machine that there are none of")
	}
}

func TestKnown(t *testing.T) {
	for runtime, want := range map[string][2]bool{
		"provided.al2023": {true, true}, "provided": {true, true}, "nodejs18.x": {true, false}, "nodejs99.x": {}, "provided.al1999": {}, "": {},
	} {
		if IsKnown(runtime) != want[0] || IsBuiltIn(runtime) != want[1] {
			t.Error(runtime)
		}
	}
}
