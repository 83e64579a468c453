package ecr_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"slipway/api/awswire"
	"slipway/api/awswire/wiretest"
	"slipway/store/storetest"
)

func TestARepositoryFromFirstToLast(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		made, err := k.CreateRepository(t.Context(), &awsecr.CreateRepositoryInput{
			RepositoryName:             aws.String("team/app"),
			RegistryId:                 aws.String(account),
			EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
			ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: false},
		})
		check(t, err)
		wantRepository(t, *made.Repository, "team/app", types.ImageTagMutabilityMutable)

		found, err := k.DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"web", "team/app"}})
		check(t, err)
		wantSame(t, "asked for by name", repositoryNames(found.Repositories), []string{"web", "team/app"})
		wantRepository(t, found.Repositories[1], "team/app", types.ImageTagMutabilityMutable)
		if !found.Repositories[1].CreatedAt.Equal(*made.Repository.CreatedAt) {
			t.Errorf("created at %v, and then at %v", made.Repository.CreatedAt, found.Repositories[1].CreatedAt)
		}

		k.push("team/app", "v1", "hello")
		_, err = k.DeleteRepository(t.Context(), &awsecr.DeleteRepositoryInput{RepositoryName: aws.String("team/app")})
		wantFault(t, err, "RepositoryNotEmptyException", "The repository with name 'team/app' in registry with id '123456789012' cannot be deleted because it still contains images")

		gone, err := k.DeleteRepository(t.Context(), &awsecr.DeleteRepositoryInput{RepositoryName: aws.String("team/app"), Force: true})
		check(t, err)
		wantRepository(t, *gone.Repository, "team/app", types.ImageTagMutabilityMutable)
		_, err = k.DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"web", "team/app"}})
		wantFault(t, err, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "team/app", account))
	})
}

func wantRepository(t testing.TB, r types.Repository, name string, mode types.ImageTagMutability) {
	t.Helper()
	if *r.RepositoryName != name || *r.RepositoryUri != host+"/"+name || *r.RegistryId != account ||
		*r.RepositoryArn != "arn:aws:ecr:us-east-1:123456789012:repository/"+name {
		t.Errorf("it is called %s, %s, %s in %s", *r.RepositoryName, *r.RepositoryUri, *r.RepositoryArn, *r.RegistryId)
	}
	if r.ImageTagMutability != mode || r.ImageScanningConfiguration.ScanOnPush || r.EncryptionConfiguration.EncryptionType != types.EncryptionTypeAes256 {
		t.Errorf("its tags are %s, scans %v, encryption %v", r.ImageTagMutability, r.ImageScanningConfiguration, r.EncryptionConfiguration)
	}
	if age := time.Since(*r.CreatedAt); age < -time.Minute || age > time.Hour {
		t.Errorf("it was created at %v", r.CreatedAt)
	}
}

func repositoryNames(found []types.Repository) []string {
	names := []string{}
	for _, r := range found {
		names = append(names, *r.RepositoryName)
	}
	return names
}

func TestRepositoriesByPages(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.create("db", "cache", "app", "zoo")
		var pages [][]string
		listing := awsecr.NewDescribeRepositoriesPaginator(k, &awsecr.DescribeRepositoriesInput{MaxResults: aws.Int32(2)})
		for listing.HasMorePages() {
			page, err := listing.NextPage(t.Context())
			check(t, err)
			pages = append(pages, repositoryNames(page.Repositories))
		}
		if got, want := fmt.Sprint(pages), "[[app cache] [db web] [zoo]]"; got != want {
			t.Errorf("pages %s, want %s", got, want)
		}
	})
}

func TestWhatDescribeRepositoriesRefuses(t *testing.T) {
	k := lite(t)
	for name, c := range map[string]struct {
		in         awsecr.DescribeRepositoriesInput
		code, text string
	}{
		"a made-up token":              {awsecr.DescribeRepositoriesInput{NextToken: aws.String("xyz")}, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'invalid next token: xyz'"},
		"names and a page size":        {awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"web"}, MaxResults: aws.Int32(1)}, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'must be left out with repositoryNames'"},
		"names and a token":            {awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"web"}, NextToken: aws.String("x")}, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'must be left out with repositoryNames'"},
		"too large a page":             {awsecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1001)}, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'must have value less than or equal to 1000'"},
		"a name in a foreign registry": {awsecr.DescribeRepositoriesInput{RegistryId: aws.String(foreign), RepositoryNames: []string{"web"}}, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "web", foreign)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.DescribeRepositories(t.Context(), &c.in)
			wantFault(t, err, c.code, c.text)
		})
	}
}

func TestWhatCreateRepositoryRefuses(t *testing.T) {
	k := lite(t)
	many := make([]types.Tag, 51)
	for i := range many {
		many[i] = types.Tag{Key: aws.String(fmt.Sprint("key", i)), Value: aws.String("")}
	}
	tag := func(key string) types.Tag { return types.Tag{Key: &key, Value: aws.String("x")} }
	for name, c := range map[string]struct {
		in         awsecr.CreateRepositoryInput
		code, text string
	}{
		"a name that is taken": {awsecr.CreateRepositoryInput{RepositoryName: aws.String("web")}, "RepositoryAlreadyExistsException", "The repository with name 'web' already exists in the registry with id '123456789012'"},
		"a name in capitals": {awsecr.CreateRepositoryInput{RepositoryName: aws.String("Web")}, "InvalidParameterException",
			`Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*''`},
		"scans":              {awsecr.CreateRepositoryInput{ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}}, "InvalidParameterException", "Invalid parameter at 'imageScanningConfiguration.scanOnPush' failed to satisfy constraint: 'must be false: scans are not supported by Slipway'"},
		"two layers of keys": {awsecr.CreateRepositoryInput{EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeKmsDsse}}, "InvalidParameterException", "Invalid parameter at 'encryptionConfiguration.encryptionType' failed to satisfy constraint: 'must be AES256 or KMS: KMS_DSSE is not supported by Slipway'"},
		"a key that would not be used": {awsecr.CreateRepositoryInput{EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256, KmsKey: aws.String("mine")}},
			"InvalidParameterException", "Invalid parameter at 'encryptionConfiguration.kmsKey' failed to satisfy constraint: 'must be left out with AES256: mine would not be used'"},
		"a mode nobody has":       {awsecr.CreateRepositoryInput{ImageTagMutability: "SOMETIMES"}, "InvalidParameterException", "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'must satisfy enum value set: [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]'"},
		"exclusion without any":   {awsecr.CreateRepositoryInput{ImageTagMutability: types.ImageTagMutabilityImmutableWithExclusion}, "InvalidParameterException", "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: 'must be given with IMMUTABLE_WITH_EXCLUSION'"},
		"filters that do nothing": {awsecr.CreateRepositoryInput{ImageTagMutabilityExclusionFilters: filters("dev*")}, "InvalidParameterException", "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: 'must be left out with MUTABLE'"},
		"a filter of three stars": {awsecr.CreateRepositoryInput{ImageTagMutability: types.ImageTagMutabilityMutableWithExclusion, ImageTagMutabilityExclusionFilters: filters("a*b*c*")}, "InvalidParameterException",
			`Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: '"a*b*c*", want at most 128 letters, digits and ._- with at most two *'`},
		"a reserved tag": {awsecr.CreateRepositoryInput{Tags: []types.Tag{tag("aws:x")}}, "InvalidTagParameterException", `Invalid parameter at 'tags' failed to satisfy constraint: 'name "aws:x", and aws: is reserved'`},
		"a tag twice":    {awsecr.CreateRepositoryInput{Tags: []types.Tag{tag("a"), tag("a")}}, "InvalidTagParameterException", "Invalid parameter at 'tags' failed to satisfy constraint: 'must not have the key a twice'"},
		"too many tags":  {awsecr.CreateRepositoryInput{Tags: many}, "TooManyTagsException", "Invalid parameter at 'tags' failed to satisfy constraint: '51, at most 50 are kept'"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.RepositoryName == nil {
				c.in.RepositoryName = aws.String("new")
			}
			_, err := k.CreateRepository(t.Context(), &c.in)
			wantFault(t, err, c.code, c.text)
		})
	}
	found, err := k.DescribeRepositories(t.Context(), nil)
	check(t, err)
	wantSame(t, "repositories after all these", repositoryNames(found.Repositories), []string{"web"})
}

func filters(patterns ...string) (filters []types.ImageTagMutabilityExclusionFilter) {
	for _, p := range patterns {
		filters = append(filters, types.ImageTagMutabilityExclusionFilter{Filter: &p, FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard})
	}
	return filters
}

func TestTagMutabilityIsChanged(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.push("web", "v1", "one")
		for _, c := range []struct {
			mode    types.ImageTagMutability
			filters []types.ImageTagMutabilityExclusionFilter
		}{
			{types.ImageTagMutabilityMutableWithExclusion, filters("release-*")},
			{types.ImageTagMutabilityImmutableWithExclusion, filters("dev*", "latest")},
			{types.ImageTagMutabilityMutable, nil},
			{types.ImageTagMutabilityImmutable, nil},
		} {
			put, err := k.PutImageTagMutability(t.Context(), &awsecr.PutImageTagMutabilityInput{
				RepositoryName: aws.String("web"), ImageTagMutability: c.mode, ImageTagMutabilityExclusionFilters: c.filters,
			})
			check(t, err)
			found, err := k.DescribeRepositories(t.Context(), nil)
			check(t, err)
			wantRepository(t, found.Repositories[0], "web", c.mode)
			if put.ImageTagMutability != c.mode || *put.RegistryId != account || *put.RepositoryName != "web" ||
				asJSON(put.ImageTagMutabilityExclusionFilters) != asJSON(c.filters) ||
				asJSON(found.Repositories[0].ImageTagMutabilityExclusionFilters) != asJSON(c.filters) {
				t.Errorf("%s is answered by %s, and then %s", c.mode, asJSON(put), asJSON(found.Repositories[0]))
			}
		}
		_, err := k.PutImage(t.Context(), &awsecr.PutImageInput{RepositoryName: aws.String("web"), ImageTag: aws.String("v1"), ImageManifest: aws.String(k.layersOf("web", "two"))})
		wantFault(t, err, "ImageTagAlreadyExistsException", "The image tag 'v1' already exists in the 'web' repository and cannot be overwritten because the tag is immutable.")
	})
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestEveryCallIsToldThatTheRepositoryIsNotThere(t *testing.T) {
	k := lite(t)
	ids, digest := []types.ImageIdentifier{tagged("v1")}, aws.String(missing(1))
	upload := aws.String("01234567-89ab-cdef-0123-456789abcdef")
	for name, call := range map[string]func(registry, repository *string) error{
		"BatchCheckLayerAvailability": func(r, n *string) error {
			return failure(k.BatchCheckLayerAvailability(t.Context(), &awsecr.BatchCheckLayerAvailabilityInput{RegistryId: r, RepositoryName: n, LayerDigests: []string{*digest}}))
		},
		"BatchDeleteImage": func(r, n *string) error {
			return failure(k.BatchDeleteImage(t.Context(), &awsecr.BatchDeleteImageInput{RegistryId: r, RepositoryName: n, ImageIds: ids}))
		},
		"BatchGetImage": func(r, n *string) error {
			return failure(k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RegistryId: r, RepositoryName: n, ImageIds: ids}))
		},
		"CompleteLayerUpload": func(r, n *string) error {
			return failure(k.CompleteLayerUpload(t.Context(), &awsecr.CompleteLayerUploadInput{RegistryId: r, RepositoryName: n, UploadId: upload, LayerDigests: []string{*digest}}))
		},
		"DeleteRepository": func(r, n *string) error {
			return failure(k.DeleteRepository(t.Context(), &awsecr.DeleteRepositoryInput{RegistryId: r, RepositoryName: n}))
		},
		"DescribeImages": func(r, n *string) error {
			return failure(k.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{RegistryId: r, RepositoryName: n}))
		},
		"GetDownloadUrlForLayer": func(r, n *string) error {
			return failure(k.GetDownloadUrlForLayer(t.Context(), &awsecr.GetDownloadUrlForLayerInput{RegistryId: r, RepositoryName: n, LayerDigest: digest}))
		},
		"InitiateLayerUpload": func(r, n *string) error {
			return failure(k.InitiateLayerUpload(t.Context(), &awsecr.InitiateLayerUploadInput{RegistryId: r, RepositoryName: n}))
		},
		"ListImages": func(r, n *string) error {
			return failure(k.ListImages(t.Context(), &awsecr.ListImagesInput{RegistryId: r, RepositoryName: n}))
		},
		"PutImageTagMutability": func(r, n *string) error {
			return failure(k.PutImageTagMutability(t.Context(), &awsecr.PutImageTagMutabilityInput{RegistryId: r, RepositoryName: n, ImageTagMutability: types.ImageTagMutabilityMutable}))
		},
		"UploadLayerPart": func(r, n *string) error {
			return failure(k.UploadLayerPart(t.Context(), &awsecr.UploadLayerPartInput{RegistryId: r, RepositoryName: n, UploadId: upload, PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(0), LayerPartBlob: []byte("x")}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, call(nil, aws.String("db")), "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "db", account))
			wantFault(t, call(aws.String(foreign), aws.String("web")), "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "web", foreign))
		})
	}
}

func failure[O any](_ *O, err error) error { return err }

// gate notes what it is asked, and allows nothing.
type gate struct{ asked []string }

func (g *gate) Authorize(_ context.Context, r *awswire.Request) error {
	g.asked = append(g.asked, r.Action+" "+r.Resource)
	return awswire.Denied("User: " + r.Who.ARN + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource)
}

func TestWhatACallerMustBeAllowed(t *testing.T) {
	g := &gate{}
	k := start(t, storetest.SQLite(t), awswire.Config{Access: g})
	web, arn := aws.String("web"), "arn:aws:ecr:us-east-1:123456789012:repository/web"

	_, err := k.CreateRepository(t.Context(), &awsecr.CreateRepositoryInput{RepositoryName: web})
	wantFault(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:root is not authorized to perform: ecr:CreateRepository on resource: "+arn)
	k.DeleteRepository(t.Context(), &awsecr.DeleteRepositoryInput{RepositoryName: web, RegistryId: aws.String(account)})
	k.DeleteRepository(t.Context(), &awsecr.DeleteRepositoryInput{RepositoryName: web, RegistryId: aws.String(foreign)})
	k.DescribeRepositories(t.Context(), nil)
	k.DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"web", "db"}})
	k.DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{RegistryId: aws.String(foreign)})
	k.GetAuthorizationToken(t.Context(), nil)
	k.TagResource(t.Context(), &awsecr.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{}})
	_, err = k.ListTagsForResource(t.Context(), &awsecr.ListTagsForResourceInput{ResourceArn: aws.String("nonsense")})
	wantFault(t, err, "InvalidParameterException", "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'")

	wantSame(t, "asked", g.asked, []string{
		"ecr:CreateRepository " + arn,
		"ecr:DeleteRepository " + arn,
		"ecr:DeleteRepository arn:aws:ecr:us-east-1:999999999999:repository/web",
		"ecr:DescribeRepositories arn:aws:ecr:us-east-1:123456789012:repository/*",
		"ecr:DescribeRepositories " + arn,
		"ecr:DescribeRepositories arn:aws:ecr:us-east-1:999999999999:repository/*",
		"ecr:GetAuthorizationToken *",
		"ecr:TagResource " + arn,
	})
	if _, err := k.room.Repository(t.Context(), wiretest.Account, "web"); err == nil {
		t.Error("it was made all the same")
	}
}
