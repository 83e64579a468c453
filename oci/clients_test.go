package oci_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	orasoci "oras.land/oras-go/v2/content/oci"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"slipway/registry"
)

// The genuine clients, unchanged: what one pushes, it pulls again byte for byte.

// writeLayout makes an OCI layout of an index of two images, tagged v1, and returns its folder.
func writeLayout(t *testing.T) string {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for range 2 {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: randomImage(t)})
	}
	return layoutOf(t, index)
}

// layoutOf makes an OCI layout of an index, tagged v1, and returns its folder.
func layoutOf(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	dir, path := newLayout(t)
	if err := path.AppendIndex(index, v1Tag); err != nil {
		t.Fatal(err)
	}
	return dir
}

var v1Tag = layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: "v1"})

func newLayout(t *testing.T) (string, layout.Path) {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// randomImage is one of OCI media types throughout, so that no client sees a reason to convert it.
func randomImage(t *testing.T) v1.Image {
	t.Helper()
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for range 3 {
		layer, err := random.Layer(100_000, types.OCIUncompressedLayer)
		if err == nil {
			image, err = mutate.AppendLayers(image, layer)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return image
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SLIPWAY_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skipf("needs %s: %v", name, err)
	}
	return path
}

func run(t *testing.T, stdin string, command string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// blobsOf reads all blobs of a layout.
func blobsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found[e.Name()] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantSameBlobs(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%d blobs came back of %d", len(got), len(want))
	}
	for digest, data := range want {
		if got[digest] != data {
			t.Errorf("%s came back with %d bytes, want %d, or other ones", digest, len(got[digest]), len(data))
		}
	}
}

func TestSkopeo(t *testing.T) { skopeoCopies(t, newDoor(t)) }

// skopeoCopies pushes and pulls an image, and deletes it.
func skopeoCopies(t *testing.T, d *door) {
	t.Helper()
	skopeo := tool(t, "skopeo")
	in, path := newLayout(t)
	if err := path.AppendImage(randomImage(t), v1Tag); err != nil {
		t.Fatal(err)
	}
	out, auth := t.TempDir(), "--authfile="+filepath.Join(t.TempDir(), "auth.json")
	remote := "docker://" + d.host() + "/team/web:v1"

	run(t, d.token, skopeo, "login", "--tls-verify=false", auth, "--username", "AWS", "--password-stdin", d.host())
	run(t, "", skopeo, "copy", auth, "--dest-tls-verify=false", "oci:"+in+":v1", remote)
	run(t, "", skopeo, "copy", auth, "--src-tls-verify=false", remote, "oci:"+out+":v1")
	wantSameBlobs(t, blobsOf(t, out), blobsOf(t, in))

	if tags := run(t, "", skopeo, "list-tags", auth, "--tls-verify=false", strings.TrimSuffix(remote, ":v1")); !strings.Contains(tags, `"v1"`) {
		t.Errorf("list-tags: %s", tags)
	}
	run(t, "", skopeo, "delete", auth, "--tls-verify=false", remote)
	if got := tagsOf(t, d); slices.Contains(got, "v1") {
		t.Errorf("tags %v after skopeo delete", got)
	}
}

// skopeo writes an index anew while it copies, so that only what it names stays the same.
func TestSkopeoCopiesAnIndex(t *testing.T) {
	skopeo := tool(t, "skopeo")
	d := newDoor(t)
	login := "--dest-creds=AWS:" + d.token
	run(t, "", skopeo, "copy", "--all", login, "--dest-tls-verify=false", "oci:"+writeLayout(t)+":v1", "docker://"+d.host()+"/team/web:v1")
	images, err := d.registry.Images(t.Context(), account, "team/web", registry.AnyImage, "", 10)
	if err != nil || len(images) != 3 {
		t.Errorf("%d manifests, error %v, want an index and two images", len(images), err)
	}
}

func tagsOf(t *testing.T, d *door) []string {
	t.Helper()
	tags, err := d.registry.Tags(t.Context(), account, "team/web", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return tags
}

func TestSkopeoWithoutLogin(t *testing.T) {
	skopeo := tool(t, "skopeo")
	d := newDoor(t)
	cmd := exec.CommandContext(t.Context(), skopeo, "login", "--tls-verify=false", "--authfile", filepath.Join(t.TempDir(), "a"), "-u", "AWS", "-p", "wrong", d.host())
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("a wrong password logs in: %s", out)
	}
}

func TestGoContainerRegistry(t *testing.T) {
	d := newDoor(t)
	d.create("api")
	login := remote.WithAuth(&authn.Basic{Username: "AWS", Password: d.token})
	index, err := random.Index(50_000, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(d.host()+"/team/web:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index, login, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	back, err := remote.Index(ref, login)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(back); err != nil {
		t.Error(err)
	}
	want, err1 := index.Digest()
	got, err2 := back.Digest()
	if err1 != nil || err2 != nil || got != want {
		t.Errorf("pulled %v, pushed %v (errors %v, %v)", got, want, err1, err2)
	}
	mountInto(t, d, ref, login)
}

// mountInto copies an index to another repository, which ggcr does by mounting its layers.
func mountInto(t *testing.T, d *door, ref name.Reference, login remote.Option) {
	t.Helper()
	back, err := remote.Index(ref, login)
	if err != nil {
		t.Fatal(err)
	}
	to, err := name.ParseReference(d.host()+"/api:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(to, back, login); err != nil {
		t.Fatal(err)
	}
	if again, err := remote.Index(to, login); err != nil || validate.Index(again) != nil {
		t.Errorf("the mounted index: %v", err)
	}
}

func TestOras(t *testing.T) {
	d := newDoor(t)
	repo := orasRepository(t, d)
	orasCopies(t, repo, writeLayout(t))
	orasReferrers(t, repo)
}

func orasRepository(t *testing.T, d *door) *orasremote.Repository {
	t.Helper()
	repo, err := orasremote.NewRepository(d.host() + "/team/web")
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = true
	repo.Client = &auth.Client{Credential: auth.StaticCredential(d.host(), auth.Credential{Username: "AWS", Password: d.token})}
	return repo
}

// orasCopies copies what a layout has under v1 to the registry, and back.
func orasCopies(t *testing.T, repo *orasremote.Repository, in string) {
	t.Helper()
	out := t.TempDir()
	from, err1 := orasoci.New(in)
	to, err2 := orasoci.New(out)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if _, err := oras.Copy(t.Context(), from, "v1", repo, "v1", oras.DefaultCopyOptions); err != nil {
		t.Fatal(err)
	}
	if _, err := oras.Copy(t.Context(), repo, "v1", to, "v1", oras.DefaultCopyOptions); err != nil {
		t.Fatal(err)
	}
	wantSameBlobs(t, blobsOf(t, out), blobsOf(t, in))
}

// orasReferrers attaches an artifact to v1 and finds it again.
func orasReferrers(t *testing.T, repo *orasremote.Repository) {
	t.Helper()
	subject, err := repo.Resolve(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	attached, err := oras.PackManifest(t.Context(), repo, oras.PackManifestVersion1_1, "application/x.sbom", oras.PackManifestOptions{Subject: &subject})
	if err != nil {
		t.Fatal(err)
	}
	var found []ocispec.Descriptor
	err = repo.Referrers(t.Context(), subject, "application/x.sbom", func(page []ocispec.Descriptor) error {
		found = append(found, page...)
		return nil
	})
	if err != nil || len(found) != 1 || found[0].Digest != attached.Digest {
		t.Errorf("referrers %v, error %v, want %s", found, err, attached.Digest)
	}
}

func TestContainerd(t *testing.T) { containerdCopies(t, newDoor(t), writeLayout(t)) }

// containerdCopies pushes what a layout has under v1, and pulls it again.
func containerdCopies(t *testing.T, d *door, layout string) {
	t.Helper()
	resolver := docker.NewResolver(docker.ResolverOptions{Hosts: docker.ConfigureDefaultRegistries(
		docker.WithPlainHTTP(docker.MatchAllHosts),
		docker.WithAuthorizer(docker.NewDockerAuthorizer(docker.WithAuthCreds(func(string) (string, string, error) { return "AWS", d.token, nil }))),
	)})
	ref := d.host() + "/team/web:v1"
	in, top := storeOf(t, layout)
	pusher, err := resolver.Pusher(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remotes.PushContent(t.Context(), pusher, top, in, nil, nil, nil); err != nil {
		t.Fatal(err)
	}

	resolved, desc, err := resolver.Resolve(t.Context(), ref)
	if err != nil || desc.Digest != top.Digest {
		t.Fatalf("%s resolves to %v, error %v, want %s", resolved, desc.Digest, err, top.Digest)
	}
	fetcher, err := resolver.Fetcher(t.Context(), resolved)
	if err != nil {
		t.Fatal(err)
	}
	out, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	handlers := images.Handlers(remotes.FetchHandler(out, fetcher), images.ChildrenHandler(out))
	if err := images.Dispatch(t.Context(), handlers, nil, desc); err != nil {
		t.Fatal(err)
	}
	wantSameContent(t, out, in, desc)
}

// storeOf reads a layout into a content store of containerd, and returns what its tag names.
func storeOf(t *testing.T, dir string) (content.Store, ocispec.Descriptor) {
	t.Helper()
	s, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for hex, data := range blobsOf(t, dir) {
		desc := ocispec.Descriptor{Digest: digest.NewDigestFromEncoded(digest.SHA256, hex), Size: int64(len(data))}
		if err := content.WriteBlob(t.Context(), s, hex, strings.NewReader(data), desc); err != nil {
			t.Fatal(err)
		}
	}
	var index ocispec.Index
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err == nil {
		err = json.Unmarshal(raw, &index)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, index.Manifests[0]
}

func wantSameContent(t *testing.T, got, want content.Store, desc ocispec.Descriptor) {
	t.Helper()
	n := 0
	err := images.Walk(t.Context(), images.Handlers(images.HandlerFunc(func(_ context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		a, err := content.ReadBlob(t.Context(), got, d)
		if err != nil {
			return nil, err
		}
		b, err := content.ReadBlob(t.Context(), want, d)
		if n++; !bytes.Equal(a, b) {
			t.Errorf("%s came back changed", d.Digest)
		}
		return nil, err
	}), images.ChildrenHandler(want)), desc)
	if err != nil || n < 9 {
		t.Errorf("compared %d blobs, error %v", n, err)
	}
}
