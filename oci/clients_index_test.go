package oci_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	orasremote "oras.land/oras-go/v2/registry/remote"

	"slipway/registry"
)

// Indexes of every kind, by the genuine clients.

// indexOfImages is an index of that type, of what is given.
func indexOfImages(kind types.MediaType, all ...mutate.Appendable) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, kind)
	for _, one := range all {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: one})
	}
	return index
}

// dockerImage is one of docker's media types throughout.
func dockerImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(50_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestIndexesOfEveryKind(t *testing.T) {
	inner := indexOfImages(types.OCIImageIndex, randomImage(t), randomImage(t))
	middle := indexOfImages(types.OCIImageIndex, inner, randomImage(t))
	for kind, index := range map[string]v1.ImageIndex{
		"nested":      indexOfImages(types.OCIImageIndex, middle, inner),
		"docker list": indexOfImages(types.DockerManifestList, dockerImage(t), dockerImage(t)),
	} {
		t.Run(kind+"/oras", func(t *testing.T) { orasCopies(t, orasRepository(t, newDoor(t)), layoutOf(t, index)) })
		t.Run(kind+"/containerd", func(t *testing.T) { containerdCopies(t, newDoor(t), layoutOf(t, index)) })
		t.Run(kind+"/go-containerregistry", func(t *testing.T) { craneCopies(t, newDoor(t), index) })
	}
}

// craneCopies pushes an index as crane does, and pulls it again.
func craneCopies(t *testing.T, d *door, index v1.ImageIndex) {
	t.Helper()
	login := remote.WithAuth(&authn.Basic{Username: "AWS", Password: d.token})
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
	want, err1 := index.RawManifest()
	got, err2 := back.RawManifest()
	if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
		t.Errorf("pulled %s, pushed %s (errors %v, %v)", got, want, err1, err2)
	}
}

func TestSkopeoCopiesADockerList(t *testing.T) {
	skopeo := tool(t, "skopeo")
	d := newDoor(t)
	craneCopies(t, d, indexOfImages(types.DockerManifestList, dockerImage(t), dockerImage(t)))
	d.create("copy")
	run(t, "", skopeo, "copy", "--all", "--src-creds=AWS:"+d.token, "--dest-creds=AWS:"+d.token, "--src-tls-verify=false", "--dest-tls-verify=false",
		"docker://"+d.host()+"/team/web:v1", "docker://"+d.host()+"/copy:v1")
	one := d.do("GET", web+"/manifests/v1", "").want(200).wantHeader("Content-Type", registry.MediaTypeDockerList)
	if other := d.do("GET", "/v2/copy/manifests/v1", "").want(200); other.body != one.body {
		t.Errorf("copied %s, want %s", other.body, one.body)
	}
}

// Everything of an image may be named by sha512.
func TestOrasUnderSHA512(t *testing.T) {
	d := newDoor(t)
	repo := orasRepository(t, d)
	push := func(mediaType string, data []byte) ocispec.Descriptor {
		t.Helper()
		desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.SHA512.FromBytes(data), Size: int64(len(data))}
		if err := repo.Push(t.Context(), desc, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := content.FetchAll(t.Context(), repo, desc); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s came back with %d bytes of %d, %v", desc.Digest, len(got), len(data), err)
		}
		return desc
	}
	layer, _ := someBytes(300_000)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}`, ocispec.MediaTypeImageManifest,
		asJSON(t, push(ocispec.MediaTypeImageConfig, []byte("{}"))), asJSON(t, push(ocispec.MediaTypeImageLayer, []byte(layer))))
	desc := push(ocispec.MediaTypeImageManifest, []byte(manifest))
	d.do("PUT", web+"/manifests/"+desc.Digest.String()+"?tag=v1", manifest, "Content-Type", desc.MediaType).want(201)
	if got, err := repo.Resolve(t.Context(), "v1"); err != nil || got.Digest != desc.Digest {
		t.Errorf("v1 is %v, %v", got, err)
	}
	orasTree(t, repo, desc)
}

// orasTree attaches artifacts to an image, and an artifact to each of those, and finds all of them.
func orasTree(t *testing.T, repo *orasremote.Repository, subject ocispec.Descriptor) {
	t.Helper()
	attach := func(kind string, to ocispec.Descriptor) ocispec.Descriptor {
		t.Helper()
		made, err := oras.PackManifest(t.Context(), repo, oras.PackManifestVersion1_1, kind, oras.PackManifestOptions{Subject: &to,
			ManifestAnnotations: map[string]string{"org.example.note": "<a> & b", ocispec.AnnotationCreated: "2026-01-02T03:04:05Z"}})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	for _, kind := range []string{"application/x.sbom", "application/x.scan"} {
		made := attach(kind, subject)
		signature := attach("application/x.signature", made)
		if found := orasFound(t, repo, made, ""); len(found) != 1 || found[0].Digest != signature.Digest {
			t.Errorf("what refers to the %s: %v", kind, found)
		}
		found := orasFound(t, repo, subject, kind)
		if len(found) != 1 || found[0].Digest != made.Digest || found[0].ArtifactType != kind || found[0].Annotations["org.example.note"] != "<a> & b" {
			t.Errorf("%s: %v", kind, found)
		}
	}
	if found := orasFound(t, repo, subject, ""); len(found) != 2 {
		t.Errorf("what refers to the image: %v", found)
	}
}

func orasFound(t *testing.T, repo *orasremote.Repository, subject ocispec.Descriptor, kind string) (found []ocispec.Descriptor) {
	t.Helper()
	err := repo.Referrers(t.Context(), subject, kind, func(page []ocispec.Descriptor) error {
		found = append(found, page...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
