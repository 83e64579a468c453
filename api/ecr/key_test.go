package ecr_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"slipway/registry"
)

func (k kit) key(alias string) registry.CustomerKey {
	k.t.Helper()
	made, err := k.room.CreateCustomerKey(k.t.Context(), account, alias)
	check(k.t, err)
	return made
}

// sealed makes a repository that is encrypted with a key, or with the default key where none is named.
func (k kit) sealed(name, key string) (*types.Repository, error) {
	k.t.Helper()
	e := &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeKms}
	if key != "" {
		e.KmsKey = &key
	}
	made, err := k.CreateRepository(k.t.Context(), &awsecr.CreateRepositoryInput{RepositoryName: &name, EncryptionConfiguration: e})
	if err != nil {
		return nil, err
	}
	return made.Repository, nil
}

func wantEncryption(t testing.TB, what string, e *types.EncryptionConfiguration, key string) {
	t.Helper()
	if e == nil || e.EncryptionType != types.EncryptionTypeKms || aws.ToString(e.KmsKey) != key {
		t.Errorf("%s: encryption %+v, want KMS with %s", what, e, key)
	}
}

// A repository shows the key that it is encrypted with by its ARN, whatever it was called when it was made.
func TestRepositoriesWithKeys(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		key := k.key("team")
		for i, name := range []string{key.ID, key.ARN, "alias/team"} {
			repository := fmt.Sprint("repo", i)
			made, err := k.sealed(repository, name)
			check(t, err)
			wantEncryption(t, "made with "+name, made.EncryptionConfiguration, key.ARN)
			found, err := k.DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{RepositoryNames: []string{repository}})
			check(t, err)
			wantEncryption(t, "found", found.Repositories[0].EncryptionConfiguration, key.ARN)
		}
		own, err := k.sealed("own", "")
		check(t, err)
		again, err := k.sealed("own2", "")
		check(t, err)
		wantEncryption(t, "without a key's name", again.EncryptionConfiguration, aws.ToString(own.EncryptionConfiguration.KmsKey))
		if *own.EncryptionConfiguration.KmsKey == key.ARN {
			t.Error("the default key is somebody's")
		}
		k.push("repo0", "v1", "hello")
		gone, err := k.DeleteRepository(t.Context(), &awsecr.DeleteRepositoryInput{RepositoryName: aws.String("repo0"), Force: true})
		check(t, err)
		wantEncryption(t, "taken away", gone.Repository.EncryptionConfiguration, key.ARN)
	})
}

func wantKMS(t testing.TB, what string, err error, code, text string) {
	t.Helper()
	wantFault(t, err, "KmsException", text)
	if fault, ok := errors.AsType[*types.KmsException](err); !ok || aws.ToString(fault.KmsError) != code {
		t.Errorf("%s: %#v, want kmsError %s", what, fault, code)
	}
}

// ECR says what KMS says, in its words. A foreign key is as good as none.
func TestKeysThatCannotBeUsed(t *testing.T) {
	k := lite(t)
	off, pending := k.key("off"), k.key("pending")
	theirs, err := k.room.CreateCustomerKey(t.Context(), foreign, "")
	check(t, err)
	_, err = k.room.DisableCustomerKey(t.Context(), account, off.ID)
	check(t, err)
	_, err = k.room.DeleteCustomerKey(t.Context(), account, pending.ID, registry.DefaultKeyWait)
	check(t, err)
	missing := "arn:aws:kms:us-east-1:" + account + ":key/00000000-0000-0000-0000-000000000000"
	for name, want := range map[string][2]string{
		off.ARN:         {"DisabledException", off.ARN + " is disabled."},
		"alias/pending": {"KMSInvalidStateException", pending.ARN + " is pending deletion."},
		missing:         {"NotFoundException", "Key '" + missing + "' does not exist"},
		theirs.ARN:      {"NotFoundException", "Key '" + theirs.ARN + "' does not exist"},
		theirs.ID:       {"NotFoundException", "Key 'arn:aws:kms:us-east-1:" + account + ":key/" + theirs.ID + "' does not exist"},
		"alias/nobody":  {"NotFoundException", "Alias arn:aws:kms:us-east-1:" + account + ":alias/nobody is not found."},
	} {
		_, err := k.sealed("new", name)
		wantKMS(t, name, err, want[0], want[1])
	}
}

// While a repository's key is disabled, nothing of it is pulled or pushed.
func TestAKeyIsRevoked(t *testing.T) {
	k := lite(t)
	key := k.key("")
	_, err := k.sealed("vault", key.ID)
	check(t, err)
	vault := aws.String("vault")
	image, manifest := k.push("vault", "v1", "hello")
	begun, err := k.InitiateLayerUpload(t.Context(), &awsecr.InitiateLayerUploadInput{RepositoryName: vault})
	check(t, err)
	layer := digestOf([]byte("hello"))
	_, err = k.room.DisableCustomerKey(t.Context(), account, key.ID)
	check(t, err)

	said := key.ARN + " is disabled."
	calls := map[string]func() error{
		"InitiateLayerUpload": func() error {
			_, err := k.InitiateLayerUpload(t.Context(), &awsecr.InitiateLayerUploadInput{RepositoryName: vault})
			return err
		},
		"UploadLayerPart": func() error {
			_, err := k.UploadLayerPart(t.Context(), &awsecr.UploadLayerPartInput{
				RepositoryName: vault, UploadId: begun.UploadId, PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(0), LayerPartBlob: []byte("x"),
			})
			return err
		},
		"CompleteLayerUpload": func() error {
			_, err := k.CompleteLayerUpload(t.Context(), &awsecr.CompleteLayerUploadInput{RepositoryName: vault, UploadId: begun.UploadId, LayerDigests: []string{layer}})
			return err
		},
		"GetDownloadUrlForLayer": func() error {
			_, err := k.GetDownloadUrlForLayer(t.Context(), &awsecr.GetDownloadUrlForLayerInput{RepositoryName: vault, LayerDigest: &layer})
			return err
		},
		"PutImage": func() error {
			_, err := k.PutImage(t.Context(), &awsecr.PutImageInput{RepositoryName: vault, ImageManifest: &manifest, ImageTag: aws.String("v2")})
			return err
		},
	}
	for name, call := range calls {
		wantKMS(t, name, call(), "DisabledException", said)
	}
	asked, err := k.BatchCheckLayerAvailability(t.Context(), &awsecr.BatchCheckLayerAvailabilityInput{RepositoryName: vault, LayerDigests: []string{layer}})
	check(t, err)
	if asked.Layers[0].LayerAvailability != types.LayerAvailabilityUnavailable {
		t.Errorf("a push that asks is told: %s", asJSON(asked))
	}
	got, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: vault, ImageIds: []types.ImageIdentifier{{ImageDigest: &image}}})
	check(t, err)
	if len(got.Images) != 0 || len(got.Failures) != 1 || got.Failures[0].FailureCode != types.ImageFailureCodeKmsError || *got.Failures[0].FailureReason != "KmsException: "+said {
		t.Errorf("BatchGetImage: %s", asJSON(got))
	}

	_, err = k.room.EnableCustomerKey(t.Context(), account, key.ID)
	check(t, err)
	got, err = k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: vault, ImageIds: []types.ImageIdentifier{{ImageDigest: &image}}})
	if err != nil || len(got.Images) != 1 || *got.Images[0].ImageManifest != manifest {
		t.Errorf("when it is enabled again: %s, %v", asJSON(got), err)
	}
}

// A template gives the repositories that are made by it its key.
func TestTemplatesWithKeys(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		key := k.key("")
		e := &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: types.EncryptionTypeKms, KmsKey: &key.ARN}
		made, err := k.CreateRepositoryCreationTemplate(t.Context(), &awsecr.CreateRepositoryCreationTemplateInput{
			Prefix: aws.String("safe"), AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForCreateOnPush}, EncryptionConfiguration: e,
		})
		check(t, err)
		if got := made.RepositoryCreationTemplate.EncryptionConfiguration; got.EncryptionType != e.EncryptionType || *got.KmsKey != key.ARN {
			t.Errorf("made as %s", asJSON(got))
		}
		k.upload("safe/app", []byte("a layer"), 10)
		found, err := k.DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"safe/app"}})
		check(t, err)
		wantEncryption(t, "made by a push", found.Repositories[0].EncryptionConfiguration, key.ARN)

		change := func(e *types.EncryptionConfigurationForRepositoryCreationTemplate) (*awsecr.UpdateRepositoryCreationTemplateOutput, error) {
			return k.UpdateRepositoryCreationTemplate(t.Context(), &awsecr.UpdateRepositoryCreationTemplateInput{Prefix: aws.String("safe"), EncryptionConfiguration: e})
		}
		_, err = k.room.DisableCustomerKey(t.Context(), account, key.ID)
		check(t, err)
		_, err = k.InitiateLayerUpload(t.Context(), &awsecr.InitiateLayerUploadInput{RepositoryName: aws.String("safe/new")})
		wantKMS(t, "a push that would make a repository", err, "DisabledException", key.ARN+" is disabled.")
		_, err = change(e)
		wantKMS(t, "a change", err, "DisabledException", key.ARN+" is disabled.")

		e.KmsKey = aws.String("")
		own, err := change(e)
		check(t, err)
		if got := own.RepositoryCreationTemplate.EncryptionConfiguration; got.KmsKey == nil || *got.KmsKey == key.ARN {
			t.Errorf("with the default key: %s", asJSON(got))
		}
		plain, err := change(&types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: types.EncryptionTypeAes256})
		check(t, err)
		if got := plain.RepositoryCreationTemplate.EncryptionConfiguration; got.EncryptionType != types.EncryptionTypeAes256 || got.KmsKey != nil {
			t.Errorf("without a key: %s", asJSON(got))
		}
	})
}
