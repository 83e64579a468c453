package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slipway/blob"
	"slipway/blob/disk"
	"slipway/blob/sealed"
	"slipway/events"
	"slipway/registry"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const account = "123456789012"

// kit is a registry with what a test looks at beside it.
type kit struct {
	*registry.Control
	t      testing.TB
	db     *store.DB
	blobs  sealed.Inner
	sealed bool // the repositories that create makes have the account's default key
}

// each runs a test on both databases, on a registry that has the repository "web".
func each(t *testing.T, test func(*testing.T, kit)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := newKit(t, db)
		k.create("web")
		test(t, k)
	})
}

func newKit(t testing.TB, db *store.DB, options ...registry.Option) kit {
	t.Helper()
	if err := events.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return kit{t: t, db: db, blobs: blobs}.server(options...)
}

// server is the same registry as another server has it, or the same after a restart.
func (k kit) server(options ...registry.Option) kit {
	k.t.Helper()
	options = append([]registry.Option{registry.CheckPolicies(checkPolicy)}, options...)
	c, err := registry.New(k.t.Context(), k.db, sealtest.Keys(k.t, k.db), k.blobs, "us-east-1", options...)
	if err != nil {
		k.t.Fatal(err)
	}
	k.Control = c
	return k
}

func (k kit) create(names ...string) {
	k.t.Helper()
	for _, name := range names {
		if k.sealed {
			k.createSealed(account, name, "")
			continue
		}
		if _, err := k.CreateRepository(k.t.Context(), account, name, registry.Mutability{}, nil); err != nil {
			k.t.Fatal(err)
		}
	}
}

// upload pushes bytes as clients do, and returns their digest.
func (k kit) upload(repository string, data []byte) registry.Digest {
	k.t.Helper()
	d := blob.DigestOf(data)
	id, err := k.StartUpload(k.t.Context(), account, repository)
	if err == nil {
		_, err = k.Append(k.t.Context(), account, repository, id, 0, bytes.NewReader(data))
	}
	if err == nil {
		_, err = k.FinishUpload(k.t.Context(), account, repository, id, d)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return d
}

// A manifest as tests build it.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type descriptor struct {
	MediaType string          `json:"mediaType"`
	Digest    registry.Digest `json:"digest"`
	Size      int             `json:"size"`
	URLs      []string        `json:"urls,omitempty"`
}

func (m manifest) raw() []byte {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return raw
}

const (
	configType = "application/vnd.oci.image.config.v1+json"
	layerType  = "application/vnd.oci.image.layer.v1.tar+gzip"
)

func describe(mediaType string, data []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: blob.DigestOf(data), Size: len(data)}
}

// imageOf is a manifest over a config and layers that are made of the given words.
func imageOf(config string, layers ...string) manifest {
	c := describe(configType, []byte(config))
	m := manifest{SchemaVersion: 2, MediaType: registry.MediaTypeOCIManifest, Config: &c}
	for _, layer := range layers {
		m.Layers = append(m.Layers, describe(layerType, []byte(layer)))
	}
	return m
}

func indexOf(children ...manifest) manifest {
	m := manifest{SchemaVersion: 2, MediaType: registry.MediaTypeOCIIndex}
	for _, child := range children {
		m.Manifests = append(m.Manifests, describe(child.MediaType, child.raw()))
	}
	return m
}

// put pushes a manifest and returns its digest.
func (k kit) put(repository, tag string, m manifest) registry.Digest {
	k.t.Helper()
	made, _, err := k.PutManifest(k.t.Context(), account, repository, registry.Push{Raw: m.raw(), MediaType: m.MediaType, Tag: tag})
	if err != nil {
		k.t.Fatal(err)
	}
	return made.Digest
}

// push pushes a whole image.
func (k kit) push(repository, tag, config string, layers ...string) registry.Digest {
	k.t.Helper()
	for _, data := range append([]string{config}, layers...) {
		k.upload(repository, []byte(data))
	}
	return k.put(repository, tag, imageOf(config, layers...))
}

func (k kit) resolve(repository, reference string) registry.Digest {
	k.t.Helper()
	d, _, err := k.Resolve(k.t.Context(), account, repository, reference)
	if err != nil {
		k.t.Fatal(err)
	}
	return d
}

func (k kit) wantNoImage(repository, reference string) {
	k.t.Helper()
	d, _, err := k.Resolve(k.t.Context(), account, repository, reference)
	if !errors.Is(err, registry.ErrNoImage) {
		k.t.Errorf("%s resolves to %q, error %v, want %v", reference, d, err, registry.ErrNoImage)
	}
}

// blobsStored is how many rows of blobs there are.
func (k kit) blobsStored() (n int) {
	k.t.Helper()
	err := k.db.View(k.t.Context(), func(tx *store.Tx) error {
		return tx.Row(`select count(*) from registry_blobs`).Scan(&n)
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

// said lists the events so far, as "type repository tag".
func (k kit) said() (said []string) {
	k.t.Helper()
	err := k.db.View(k.t.Context(), func(tx *store.Tx) error {
		found, err := events.Read(tx, 0, 1000)
		for _, e := range found {
			var data struct{ Repository, Tag string }
			err = errors.Join(err, json.Unmarshal(e.Data, &data))
			if want := k.ARN(account, data.Repository); e.Subject != want || e.Account != account {
				k.t.Errorf("event about %s of %s, want %s", e.Subject, e.Account, want)
			}
			said = append(said, strings.TrimSpace(fmt.Sprint(e.Type, " ", data.Repository, " ", data.Tag)))
		}
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return said
}

func wantErr(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}

func wantSame[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// missing is a digest of nothing that anybody stores.
func missing(i int) registry.Digest {
	sum := sha256.Sum256(fmt.Append(nil, "missing", i))
	return blob.Sum("sha256", sum[:])
}
