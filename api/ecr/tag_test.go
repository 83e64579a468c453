package ecr_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const webARN = "arn:aws:ecr:us-east-1:123456789012:repository/web"

func tags(keysAndValues ...string) (tags []types.Tag) {
	for i := 0; i < len(keysAndValues); i += 2 {
		tags = append(tags, types.Tag{Key: &keysAndValues[i], Value: &keysAndValues[i+1]})
	}
	return tags
}

func (k kit) tags(arn string) []string {
	k.t.Helper()
	out, err := k.ListTagsForResource(k.t.Context(), &awsecr.ListTagsForResourceInput{ResourceArn: &arn})
	check(k.t, err)
	texts := []string{}
	for _, tag := range out.Tags {
		texts = append(texts, *tag.Key+"="+*tag.Value)
	}
	return texts
}

func TestTagsOfARepository(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		made, err := k.CreateRepository(t.Context(), &awsecr.CreateRepositoryInput{RepositoryName: aws.String("db"), Tags: tags("team", "a", "env", "")})
		check(t, err)
		arn := made.Repository.RepositoryArn
		wantSame(t, "tags", k.tags(*arn), []string{"env=", "team=a"})

		_, err = k.TagResource(t.Context(), &awsecr.TagResourceInput{ResourceArn: arn, Tags: tags("team", "b", "cost", "7")})
		check(t, err)
		_, err = k.UntagResource(t.Context(), &awsecr.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"env", "never"}})
		check(t, err)
		wantSame(t, "tags then", k.tags(*arn), []string{"cost=7", "team=b"})
		wantSame(t, "tags of another", k.tags(webARN), []string{})
	})
}

func TestTagsThatAreRefused(t *testing.T) {
	k := lite(t)
	_, err := k.TagResource(t.Context(), &awsecr.TagResourceInput{ResourceArn: aws.String(webARN), Tags: tags("", "x")})
	wantFault(t, err, "InvalidTagParameterException", `Invalid parameter at 'tags' failed to satisfy constraint: 'name "", want 1 to 128 characters'`)
	_, err = k.TagResource(t.Context(), &awsecr.TagResourceInput{ResourceArn: aws.String(webARN), Tags: tags("a", "1", "a", "2")})
	wantFault(t, err, "InvalidTagParameterException", "Invalid parameter at 'tags' failed to satisfy constraint: 'must not have the key a twice'")
	wantSame(t, "tags", k.tags(webARN), []string{})
}

func TestARNsThatNameNoRepositoryOfOurs(t *testing.T) {
	k := lite(t)
	const notAnARN = "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'"
	for arn, want := range map[string]struct{ code, text string }{
		"web": {"InvalidParameterException", notAnARN},
		"arn:aws:ecs:us-east-1:123456789012:repository/web": {"InvalidParameterException", notAnARN},
		"arn:aws:ecr:us-east-1:123456789012:web":            {"InvalidParameterException", notAnARN},
		"arn:aws:ecr:us-east-1:123456789012:repository/":    {"InvalidParameterException", notAnARN},
		"arn:aws:ecr:us-east-1::repository/web":             {"InvalidParameterException", notAnARN},
		"arn:aws:ecr:eu-west-1:123456789012:repository/web": {"InvalidParameterException", "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'must be in region us-east-1, not eu-west-1'"},
		"arn:aws:ecr:us-east-1:999999999999:repository/web": {"RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "web", foreign)},
		"arn:aws:ecr:us-east-1:123456789012:repository/db":  {"RepositoryNotFoundException", fmt.Sprintf(noSuchRepository, "db", account)},
	} {
		t.Run(arn, func(t *testing.T) {
			_, err := k.ListTagsForResource(t.Context(), &awsecr.ListTagsForResourceInput{ResourceArn: &arn})
			wantFault(t, err, want.code, want.text)
			_, err = k.UntagResource(t.Context(), &awsecr.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"x"}})
			wantFault(t, err, want.code, want.text)
		})
	}
}
