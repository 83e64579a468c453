package ecr_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"slipway/registry"
)

func TestWhichLayersAreThere(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		there := k.upload("web", []byte("a layer"), 3)
		out, err := k.BatchCheckLayerAvailability(t.Context(), &awsecr.BatchCheckLayerAvailabilityInput{
			RepositoryName: aws.String("web"), LayerDigests: []string{there, missing(1), "", "latest"},
		})
		check(t, err)
		var layers, failed []string
		for _, l := range out.Layers {
			layers = append(layers, fmt.Sprintf("%s %s %d", *l.LayerDigest, l.LayerAvailability, aws.ToInt64(l.LayerSize)))
		}
		for _, f := range out.Failures {
			failed = append(failed, fmt.Sprintf("%q %s: %s", *f.LayerDigest, f.FailureCode, *f.FailureReason))
		}
		wantSame(t, "layers", layers, []string{there + " AVAILABLE 7", missing(1) + " UNAVAILABLE 0"})
		wantSame(t, "failures", failed, []string{
			`"" MissingLayerDigest: Invalid request parameters: layer digest cannot be empty`,
			`"latest" InvalidLayerDigest: Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'`,
		})
		_, err = k.BatchCheckLayerAvailability(t.Context(), &awsecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("db"), LayerDigests: []string{"latest"}})
		wantFault(t, err, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "db", account))
	})
}

// upload is one on its way.
type upload struct {
	kit
	id string
}

func (k kit) begin() upload {
	k.t.Helper()
	begun, err := k.InitiateLayerUpload(k.t.Context(), &awsecr.InitiateLayerUploadInput{RepositoryName: aws.String("web")})
	check(k.t, err)
	if *begun.PartSize != 10<<20 {
		k.t.Errorf("parts of %d bytes are asked for", *begun.PartSize)
	}
	return upload{k, *begun.UploadId}
}

func (u upload) part(first, last int64, data string) error {
	_, err := u.UploadLayerPart(u.t.Context(), &awsecr.UploadLayerPartInput{
		RepositoryName: aws.String("web"), UploadId: &u.id, PartFirstByte: &first, PartLastByte: &last, LayerPartBlob: []byte(data),
	})
	return err
}

func (u upload) complete(digests ...string) error {
	_, err := u.CompleteLayerUpload(u.t.Context(), &awsecr.CompleteLayerUploadInput{
		RepositoryName: aws.String("web"), UploadId: &u.id, LayerDigests: digests,
	})
	return err
}

func TestPartsThatDoNotFollow(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		u := k.begin()
		wantPart(t, u, u.part(5, 9, "world"), nil, "The layer part begins at byte 5, and the next byte of the upload with id '"+u.id+"' is byte 0")
		check(t, u.part(0, 4, "hello"))
		wantPart(t, u, u.part(0, 4, "hello"), aws.Int64(4), "The layer part begins at byte 0, and the next byte of the upload with id '"+u.id+"' is byte 5")
		wantPart(t, u, u.part(5, 99, "world"), aws.Int64(4), "The layer part has 5 bytes, and from partFirstByte 5 to partLastByte 99 are 95")
		check(t, u.part(5, 9, "world"))
		check(t, u.complete(digestOf([]byte("helloworld"))))
	})
}

func wantPart(t testing.TB, u upload, err error, last *int64, text string) {
	t.Helper()
	wantFault(t, err, "InvalidLayerPartException", text)
	fault, ok := errors.AsType[*types.InvalidLayerPartException](err)
	if !ok {
		return // said already
	}
	if *fault.RegistryId != account || *fault.RepositoryName != "web" || *fault.UploadId != u.id || asJSON(fault.LastValidByteReceived) != asJSON(last) {
		t.Errorf("the fault says %s, want the last byte %s", asJSON(fault), asJSON(last))
	}
}

func TestUploadsThatCannotComplete(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		nobody := upload{k, "01234567-89ab-cdef-0123-456789abcdef"}
		noUpload := "The upload with id '" + nobody.id + "' does not exist within the repository with name 'web' in the registry with id '123456789012'"
		wantFault(t, nobody.complete(missing(1)), "UploadNotFoundException", noUpload)
		wantFault(t, nobody.part(0, 0, "x"), "UploadNotFoundException", noUpload)

		u := k.begin()
		wantFault(t, u.complete(missing(1)), "EmptyUploadException", "The upload with id '"+u.id+"' to the repository with name 'web' in the registry with id '123456789012' has no layer parts")
		check(t, u.part(0, 4, "hello"))
		wantFault(t, u.complete(missing(1), missing(2)), "InvalidParameterException", "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'must have one digest: several of one layer are not supported by Slipway'")
		wantFault(t, u.complete("md5:12"), "InvalidParameterException", `Invalid parameter at 'layerDigests' failed to satisfy constraint: 'invalid digest: "md5:12" has the algorithm "md5", want sha256 or sha512'`)
		wantFault(t, u.complete(missing(1)), "InvalidLayerException", "The layer digest '"+missing(1)+"' does not match the digest that was calculated for the upload with id '"+u.id+"'")
		wantFault(t, u.part(5, 5, "x"), "UploadNotFoundException", "The upload with id '"+u.id+"' does not exist within the repository with name 'web' in the registry with id '123456789012'")
	})
}

func TestALayerThatIsThereAlready(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		digest := k.upload("web", []byte("hello"), 5)
		u := k.begin()
		check(t, u.part(0, 4, "hello"))
		wantFault(t, u.complete(digest), "LayerAlreadyExistsException", "The layer with digest '"+digest+"' already exists within the repository with name 'web' in the registry with id '123456789012'")
		u = k.begin()
		check(t, u.part(0, 4, "world"))
		wantFault(t, u.complete(digest), "InvalidLayerException", "The layer digest '"+digest+"' does not match the digest that was calculated for the upload with id '"+u.id+"'")
	})
}

func TestALinkToALayerCarriesALoginForNothingElse(t *testing.T) {
	k := lite(t)
	digest := k.upload("web", []byte("hello"), 5)
	out, err := k.GetDownloadUrlForLayer(t.Context(), &awsecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("web"), LayerDigest: &digest})
	check(t, err)
	link, err := url.Parse(*out.DownloadUrl)
	check(t, err)
	if *out.LayerDigest != digest || link.Scheme+"://"+link.Host+link.Path != *k.config.BaseEndpoint+"/v2/web/blobs/"+digest {
		t.Errorf("%s is at %s", *out.LayerDigest, link.Redacted())
	}
	login, err := k.room.Verify(link.Query().Get(registry.LinkParameter))
	check(t, err)
	if login.Account != account || !slices.Equal(login.Scope.Repositories, []string{"web"}) || !slices.Equal(login.Scope.Actions, []registry.Action{registry.ActionPull}) {
		t.Errorf("it is a login for %+v", login)
	}
	if left := time.Until(login.Expires); left > time.Hour || left < 30*time.Minute {
		t.Errorf("it is good for %v", left)
	}
}

func TestNoLinkToALayerThatIsNotThere(t *testing.T) {
	k := lite(t)
	k.create("db")
	digest := k.upload("web", []byte("hello"), 5)
	for repository, text := range map[string]string{
		"db":   "The layer with digest '" + digest + "' does not exist within the repository with name 'db' in the registry with id '123456789012'",
		"none": fmt.Sprintf(noSuchRepository, "none", account),
	} {
		code := map[string]string{"db": "LayersNotFoundException", "none": "RepositoryNotFoundException"}[repository]
		_, err := k.GetDownloadUrlForLayer(t.Context(), &awsecr.GetDownloadUrlForLayerInput{RepositoryName: &repository, LayerDigest: &digest})
		wantFault(t, err, code, text)
	}
	_, err := k.GetDownloadUrlForLayer(t.Context(), &awsecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("web"), LayerDigest: aws.String("sha256:12")})
	wantFault(t, err, "InvalidParameterException", `Invalid parameter at 'layerDigest' failed to satisfy constraint: 'invalid digest: "sha256:12" does not have 64 lower-case hexadecimal digits after sha256'`)
}
