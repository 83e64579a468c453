package ecr_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/api/ecr"
	"slipway/blob/disk"
	"slipway/events"
	"slipway/registry"
	"slipway/seal/sealtest"
	"slipway/store"
	"slipway/store/storetest"
)

const (
	account = wiretest.Account
	foreign = "999999999999"
	host    = "127.0.0.1:4600"
)

// kit is a door with a genuine client in front of it and its room behind it.
type kit struct {
	*awsecr.Client
	t      testing.TB
	room   *registry.Control
	config aws.Config
}

// each runs a test on both databases, with the repository "web" there.
func each(t *testing.T, test func(*testing.T, kit)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := start(t, db, awswire.Config{})
		k.create("web")
		test(t, k)
	})
}

// lite is a kit for what the database makes no difference to.
func lite(t *testing.T) kit {
	t.Helper()
	k := start(t, storetest.SQLite(t), awswire.Config{})
	k.create("web")
	return k
}

func start(t testing.TB, db *store.DB, config awswire.Config) kit {
	t.Helper()
	check(t, events.Migrate(t.Context(), db))
	blobs, err := disk.Open(t.TempDir())
	check(t, err)
	room, err := registry.New(t.Context(), db, sealtest.Keys(t, db), blobs, wiretest.Region, registry.CheckPolicies(checkPolicy))
	check(t, err)
	served := wiretest.Serve(t, config, ecr.New(room, host))
	return kit{awsecr.NewFromConfig(served), t, room, served}
}

func (k kit) create(names ...string) {
	k.t.Helper()
	for _, name := range names {
		_, err := k.CreateRepository(k.t.Context(), &awsecr.CreateRepositoryInput{RepositoryName: &name})
		check(k.t, err)
	}
}

// upload pushes a layer through the API, in parts of at most size bytes, and returns its digest.
func (k kit) upload(repository string, data []byte, size int) string {
	k.t.Helper()
	begun, err := k.InitiateLayerUpload(k.t.Context(), &awsecr.InitiateLayerUploadInput{RepositoryName: &repository})
	check(k.t, err)
	at := int64(0)
	for part := range slices.Chunk(data, size) {
		last := at + int64(len(part)) - 1
		got, err := k.UploadLayerPart(k.t.Context(), &awsecr.UploadLayerPartInput{
			RepositoryName: &repository, UploadId: begun.UploadId,
			PartFirstByte: &at, PartLastByte: &last, LayerPartBlob: part,
		})
		check(k.t, err)
		if *got.LastByteReceived != last || *got.RegistryId != account || *got.RepositoryName != repository || *got.UploadId != *begun.UploadId {
			k.t.Fatalf("after byte %d it says %+v", last, got)
		}
		at = last + 1
	}
	digest := digestOf(data)
	done, err := k.CompleteLayerUpload(k.t.Context(), &awsecr.CompleteLayerUploadInput{
		RepositoryName: &repository, UploadId: begun.UploadId, LayerDigests: []string{digest},
	})
	check(k.t, err)
	if *done.LayerDigest != digest || *done.RegistryId != account || *done.RepositoryName != repository || *done.UploadId != *begun.UploadId {
		k.t.Fatalf("completed as %+v", done)
	}
	return digest
}

// push pushes an image whose one layer is made of a word, and returns its digest and manifest.
func (k kit) push(repository, tag, word string) (digest, manifest string) {
	k.t.Helper()
	manifest = k.layersOf(repository, word)
	in := &awsecr.PutImageInput{RepositoryName: &repository, ImageManifest: &manifest}
	if tag != "" {
		in.ImageTag = &tag
	}
	put, err := k.PutImage(k.t.Context(), in)
	check(k.t, err)
	return *put.Image.ImageId.ImageDigest, manifest
}

// layersOf pushes what an image needs, and returns its manifest.
func (k kit) layersOf(repository, word string) (manifest string) {
	k.t.Helper()
	for _, data := range []string{"config of " + word, word} {
		_, err := k.room.BlobSize(k.t.Context(), account, repository, registry.Digest(digestOf([]byte(data))))
		if errors.Is(err, registry.ErrNoBlob) {
			k.upload(repository, []byte(data), 1<<20)
		}
	}
	return imageOf(word)
}

const (
	configType = "application/vnd.oci.image.config.v1+json"
	layerType  = "application/vnd.oci.image.layer.v1.tar+gzip"
)

type object = map[string]any

// imageOf is the manifest of an image of one layer, not in the form that Go would write.
func imageOf(word string) string {
	return text(object{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest,
		"config": describe(configType, "config of "+word),
		"layers": []object{describe(layerType, word)},
	})
}

// indexOf is the manifest list over images.
func indexOf(manifests ...string) string {
	children := []object{}
	for _, m := range manifests {
		children = append(children, describe(registry.MediaTypeOCIManifest, m))
	}
	return text(object{"schemaVersion": 2, "mediaType": registry.MediaTypeOCIIndex, "manifests": children})
}

func describe(mediaType, data string) object {
	return object{"mediaType": mediaType, "digest": digestOf([]byte(data)), "size": len(data)}
}

// text writes JSON with spaces and a last line end, which a door must not lose.
func text(v any) string {
	b, err := json.MarshalIndent(v, "", "   ")
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// missing is a digest of nothing that anybody stores.
func missing(i int) string { return digestOf(fmt.Append(nil, "missing", i)) }

func tagged(tag string) types.ImageIdentifier { return types.ImageIdentifier{ImageTag: &tag} }

func digested(digest string) types.ImageIdentifier {
	return types.ImageIdentifier{ImageDigest: &digest}
}

func both(digest, tag string) types.ImageIdentifier {
	return types.ImageIdentifier{ImageDigest: &digest, ImageTag: &tag}
}

// named writes ids as text, for comparison: "digest tag".
func named(ids []types.ImageIdentifier) []string {
	texts := []string{}
	for _, id := range ids {
		texts = append(texts, aws.ToString(id.ImageDigest)+" "+aws.ToString(id.ImageTag))
	}
	return texts
}

// failures writes failures as text: "digest tag: code, reason".
func failures(failed []types.ImageFailure) []string {
	texts := []string{}
	for _, f := range failed {
		texts = append(texts, fmt.Sprintf("%s: %s, %s", named([]types.ImageIdentifier{*f.ImageId})[0], f.FailureCode, *f.FailureReason))
	}
	return texts
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantFault compares the code and the whole text of a fault.
func wantFault(t testing.TB, err error, code, text string) {
	t.Helper()
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		t.Fatalf("error %v, want the fault %s", err, code)
	}
	if fault.ErrorCode() != code || fault.ErrorMessage() != text {
		t.Errorf("it says %s:\n%s\nwant %s:\n%s", fault.ErrorCode(), fault.ErrorMessage(), code, text)
	}
}

func wantSame(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%q\nwant:\n%q", what, got, want)
	}
}

const noSuchRepository = "The repository with name '%s' does not exist in the registry with id '%s'"
