package oci_test

import (
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"

	"slipway/blob/disk"
	"slipway/blob/s3"
	"slipway/blob/s3/s3test"
	"slipway/blob/sealed"
	"slipway/oci"
	"slipway/registry"
	"slipway/store"
	"slipway/store/storetest"
)

// The OCI Distribution Specification 1.1, statement by statement. Each is checked in a repository of
// its own, on both pairs of places where a registry can keep rows and bytes.

// statement is one thing that the specification wants of a registry.
type statement struct {
	text  string
	check func(*repository)
}

var sections = []struct {
	name       string
	statements []statement
}{
	{"pull", pullStatements},
	{"push", pushStatements},
	{"discovery", discoveryStatements},
	{"management", managementStatements},
}

func TestConformance(t *testing.T) {
	eachPlace(t, func(t *testing.T, db *store.DB, blobs sealed.Inner) {
		d := newDoorOver(t, db, blobs, oci.Config{})
		for _, section := range sections {
			for i, s := range section.statements {
				t.Run(section.name+"/"+s.text, func(t *testing.T) {
					mine := *d
					mine.t = t
					r := &repository{door: &mine, name: fmt.Sprintf("%s/%d", section.name, i)}
					r.create(r.name)
					s.check(r)
				})
			}
		}
	})
}

// eachPlace runs a test with rows and bytes in the data folder, and with both on servers of their own.
func eachPlace(t *testing.T, test func(*testing.T, *store.DB, sealed.Inner)) {
	t.Run("folder", func(t *testing.T) {
		blobs, err := disk.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		test(t, storetest.SQLite(t), blobs)
	})
	t.Run("servers", func(t *testing.T) {
		test(t, storetest.Postgres(t), bucket(t, s3test.Start(t), "?redirect=false"))
	})
}

// bucket opens a bucket; more is for the end of its location.
func bucket(t testing.TB, server s3test.Server, more string) *s3.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.Secret)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	s, err := s3.Open(t.Context(), server.Location("registry")+strings.Replace(more, "?", "&", 1))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// repository is where one statement is checked.
type repository struct {
	*door
	name string
}

// ask is do with a path inside the repository.
func (r *repository) ask(method, path, body string, headers ...string) answer {
	r.t.Helper()
	return r.do(method, r.path(path), body, headers...)
}

func (r *repository) path(inside string) string { return "/v2/" + r.name + inside }

// blob pushes a blob and returns its digest.
func (r *repository) blob(data string) string {
	r.t.Helper()
	return string(r.push(r.name, data))
}

// upload starts one and returns its place.
func (r *repository) upload() string {
	r.t.Helper()
	return r.ask("POST", "/blobs/uploads/", "").want(202).Header.Get("Location")
}

// manifest pushes one and returns its digest.
func (r *repository) manifest(reference, mediaType, m string) string {
	r.t.Helper()
	return r.ask("PUT", "/manifests/"+reference, m, "Content-Type", mediaType).want(201).Header.Get("Docker-Content-Digest")
}

// taggedImage pushes an image whose layer is its tag.
func (r *repository) taggedImage(tag string) (m, digest string) {
	r.t.Helper()
	m, d := r.door.image(r.name, tag, "layer "+tag)
	return m, string(d)
}

// reads wants an answer of these bytes.
func (r *repository) reads(path, want string, headers ...string) answer {
	r.t.Helper()
	a := r.ask("GET", path, "", headers...)
	if a.body != want {
		r.t.Errorf("GET %s: %d bytes, want %d: %.200q", path, len(a.body), len(want), a.body)
	}
	return a
}

func sha512Of(data string) string { return fmt.Sprintf("sha512:%x", sha512.Sum512([]byte(data))) }

// descriptorOf names bytes as manifests do.
func descriptorOf(mediaType, data string) string {
	return fmt.Sprintf(`{"mediaType":"%s","digest":"%s","size":%d}`, mediaType, digestOf(data), len(data))
}

// indexOf is an image index of these descriptors.
func indexOf(more string, descriptors ...string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","manifests":[%s]%s}`, registry.MediaTypeOCIIndex, strings.Join(descriptors, ","), more)
}

const emptyType = "application/vnd.oci.empty.v1+json"

// artifactOf is what a tool that keeps other things than images pushes.
func artifactOf(artifactType, more string) string {
	empty := descriptorOf(emptyType, "{}")
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s","artifactType":"%s","config":%s,"layers":[%s]%s}`,
		registry.MediaTypeOCIManifest, artifactType, empty, empty, more)
}
