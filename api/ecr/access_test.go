package ecr_test

import (
	"maps"
	"testing"

	"slipway/api/awswire/wiretest"
	"slipway/api/ecr"
)

// The table of what every operation asks for: in one's own registry, in another account's, and of
// ARNs.
func TestAccess(t *testing.T) {
	k := lite(t)
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	own := wiretest.Sample{
		"repositoryName": "web", "CreateRepository.repositoryName": "new", "DeleteRepository.repositoryName": "old",
		"resourceArn": "arn:aws:ecr:us-east-1:123456789012:repository/web",
		"tags":        []any{map[string]any{"Key": "team", "Value": "sea"}}, "tagKeys": []string{"team"},
		"layerDigest": digest, "layerDigests": []string{digest}, "uploadId": "01234567-89ab-cdef-0123-456789abcdef",
		"imageIds": []any{map[string]any{"imageTag": "v1"}}, "imageManifest": "{}", "policyText": "{}",
		"DescribeImages.imageIds": nil, "imageTagMutability": "MUTABLE",
		"lifecyclePolicyText": policyOfLife, "subjectId": map[string]any{"imageDigest": digest}, "imageId": map[string]any{"imageTag": "v1"},
		"prefix": "prod", "ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io", "UpdatePullThroughCacheRule.customRoleArn": "",
		"name": "REGISTRY_POLICY_SCOPE", "value": "V2", "principalArn": "arn:aws:iam::123456789012:role/scanner",
	}
	theirs := maps.Clone(own)
	maps.Copy(theirs, wiretest.Sample{
		"registryId": foreign, "repositoryNames": []string{"web", "db"},
		"resourceArn": "arn:aws:ecr:us-east-1:999999999999:repository/web",
	})
	wiretest.Access(t, ecr.New(k.room, host), own, theirs)
}
