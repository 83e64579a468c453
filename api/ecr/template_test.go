package ecr_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// template makes one that repositories under the prefix are made by when they are pushed to.
func (k kit) template(prefix string) {
	k.t.Helper()
	_, err := k.CreateRepositoryCreationTemplate(k.t.Context(), &awsecr.CreateRepositoryCreationTemplateInput{
		Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForCreateOnPush},
	})
	check(k.t, err)
}

func TestRepositoryCreationTemplatesFromFirstToLast(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		in := &awsecr.CreateRepositoryCreationTemplateInput{
			Prefix: aws.String("prod"), Description: aws.String("of production"), CustomRoleArn: aws.String("arn:aws:iam::" + account + ":role/ecr"),
			AppliedFor:                         []types.RCTAppliedFor{types.RCTAppliedForPullThroughCache, types.RCTAppliedForCreateOnPush},
			ImageTagMutability:                 types.ImageTagMutabilityImmutableWithExclusion,
			ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("latest*"), FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard}},
			EncryptionConfiguration:            &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: types.EncryptionTypeAes256},
			LifecyclePolicy:                    aws.String(policyOfLife), RepositoryPolicy: aws.String(openPolicy),
			ResourceTags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sea")}},
		}
		made, err := k.CreateRepositoryCreationTemplate(t.Context(), in)
		check(t, err)
		listed, err := k.DescribeRepositoryCreationTemplates(t.Context(), &awsecr.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{"prod", "none"}})
		check(t, err)
		if len(listed.RepositoryCreationTemplates) != 1 {
			t.Fatalf("described %+v", listed)
		}
		for what, got := range map[string]types.RepositoryCreationTemplate{"made": *made.RepositoryCreationTemplate, "described": listed.RepositoryCreationTemplates[0]} {
			if fmt.Sprint(shown(got)) != fmt.Sprint(shown(types.RepositoryCreationTemplate{
				Prefix: in.Prefix, Description: in.Description, CustomRoleArn: in.CustomRoleArn, AppliedFor: in.AppliedFor, ImageTagMutability: in.ImageTagMutability,
				ImageTagMutabilityExclusionFilters: in.ImageTagMutabilityExclusionFilters, EncryptionConfiguration: in.EncryptionConfiguration,
				LifecyclePolicy: in.LifecyclePolicy, RepositoryPolicy: in.RepositoryPolicy, ResourceTags: in.ResourceTags,
			})) || got.CreatedAt == nil || !got.UpdatedAt.Equal(*got.CreatedAt) {
				t.Errorf("%s as %v", what, shown(got))
			}
		}
		_, err = k.CreateRepositoryCreationTemplate(t.Context(), in)
		wantFault(t, err, "TemplateAlreadyExistsException", "The repository creation template with prefix 'prod' already exists in the registry with id '123456789012'")

		changed, err := k.UpdateRepositoryCreationTemplate(t.Context(), &awsecr.UpdateRepositoryCreationTemplateInput{
			Prefix: aws.String("prod"), ImageTagMutability: types.ImageTagMutabilityMutable, RepositoryPolicy: aws.String(""), ResourceTags: []types.Tag{},
		})
		check(t, err)
		c := changed.RepositoryCreationTemplate
		if c.ImageTagMutability != types.ImageTagMutabilityMutable || c.ImageTagMutabilityExclusionFilters != nil || c.RepositoryPolicy != nil || len(c.ResourceTags) != 0 ||
			*c.LifecyclePolicy != policyOfLife || *c.Description != "of production" || !c.UpdatedAt.After(*c.CreatedAt) {
			t.Errorf("changed to %v", shown(*c))
		}
		gone, err := k.DeleteRepositoryCreationTemplate(t.Context(), &awsecr.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("prod")})
		check(t, err)
		if fmt.Sprint(shown(*gone.RepositoryCreationTemplate)) != fmt.Sprint(shown(*c)) {
			t.Errorf("taken away: %v", shown(*gone.RepositoryCreationTemplate))
		}
		_, err = k.DeleteRepositoryCreationTemplate(t.Context(), &awsecr.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("prod")})
		wantFault(t, err, "TemplateNotFoundException", "The repository creation template with prefix 'prod' does not exist in the registry with id '123456789012'")
	})
}

// shown is a template without its times, and without pointers.
func shown(t types.RepositoryCreationTemplate) []any {
	filters := []string{}
	for _, f := range t.ImageTagMutabilityExclusionFilters {
		filters = append(filters, *f.Filter+string(f.FilterType))
	}
	tags := []string{}
	for _, tag := range t.ResourceTags {
		tags = append(tags, *tag.Key+"="+*tag.Value)
	}
	return []any{
		aws.ToString(t.Prefix), aws.ToString(t.Description), aws.ToString(t.CustomRoleArn), t.AppliedFor, t.ImageTagMutability, filters,
		t.EncryptionConfiguration.EncryptionType, aws.ToString(t.LifecyclePolicy), aws.ToString(t.RepositoryPolicy), tags,
	}
}

func TestTemplatesByPage(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		for _, prefix := range []string{"a", "b/c", "ROOT"} {
			k.template(prefix)
		}
		var got []string
		pages := awsecr.NewDescribeRepositoryCreationTemplatesPaginator(k, &awsecr.DescribeRepositoryCreationTemplatesInput{MaxResults: aws.Int32(1)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			check(t, err)
			for _, one := range page.RepositoryCreationTemplates {
				got = append(got, *one.Prefix)
			}
		}
		wantSame(t, "templates", got, []string{"ROOT", "a", "b/c"})
	})
}

func TestTemplatesThatAreNotTaken(t *testing.T) {
	k := lite(t)
	const at = "Invalid parameter at '%s' failed to satisfy constraint: '%s'"
	for _, c := range []struct {
		change     func(*awsecr.CreateRepositoryCreationTemplateInput)
		code, text string
	}{
		{func(in *awsecr.CreateRepositoryCreationTemplateInput) { in.AppliedFor = []types.RCTAppliedFor{} }, "InvalidParameterException",
			fmt.Sprintf(at, "repositoryCreationTemplate", "it is for no use")},
		{func(in *awsecr.CreateRepositoryCreationTemplateInput) {
			in.EncryptionConfiguration = &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: types.EncryptionTypeKmsDsse}
		}, "InvalidParameterException", fmt.Sprintf(at, "encryptionConfiguration.encryptionType", "must be AES256 or KMS: KMS_DSSE is not supported by Slipway")},
		{func(in *awsecr.CreateRepositoryCreationTemplateInput) {
			in.ImageTagMutability = types.ImageTagMutabilityImmutableWithExclusion
		}, "InvalidParameterException", fmt.Sprintf(at, "imageTagMutabilityExclusionFilters", "must be given with IMMUTABLE_WITH_EXCLUSION")},
		{func(in *awsecr.CreateRepositoryCreationTemplateInput) {
			in.LifecyclePolicy = aws.String(`{"rules":[]}`)
		}, "InvalidParameterException",
			fmt.Sprintf(at, "LifecyclePolicyText", "Lifecycle policy validation failure: it has 0 rules, want 1 to 50")},
		{func(in *awsecr.CreateRepositoryCreationTemplateInput) {
			in.ResourceTags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("y")}}
		}, "InvalidTagParameterException", fmt.Sprintf(at, "tags", `name "aws:x", and aws: is reserved`)},
	} {
		in := &awsecr.CreateRepositoryCreationTemplateInput{Prefix: aws.String("prod"), AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForCreateOnPush}}
		c.change(in)
		_, err := k.CreateRepositoryCreationTemplate(t.Context(), in)
		wantFault(t, err, c.code, c.text)
	}
	_, err := k.UpdateRepositoryCreationTemplate(t.Context(), &awsecr.UpdateRepositoryCreationTemplateInput{Prefix: aws.String("prod")})
	wantFault(t, err, "TemplateNotFoundException", "The repository creation template with prefix 'prod' does not exist in the registry with id '123456789012'")
}

// A push by the API makes its repository as well.
func TestAPushMakesItsRepository(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		k.template("prod")
		k.upload("prod/api", []byte("one"), 10)
		k.push("prod/api", "v1", "one")
		_, err := k.InitiateLayerUpload(t.Context(), &awsecr.InitiateLayerUploadInput{RepositoryName: aws.String("dev/api")})
		wantFault(t, err, "RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "dev/api", account))
	})
}
