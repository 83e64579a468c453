package ecr_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"slipway/registry"
)

func ids(ids ...types.ImageIdentifier) []types.ImageIdentifier { return ids }

// refer pushes something that refers to an image.
func (k kit) refer(subject, artifactType, word string) (digest string) {
	k.t.Helper()
	k.layersOf("web", word)
	m := object{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "artifactType": artifactType,
		"config": describe(configType, "config of "+word), "layers": []object{describe(layerType, word)},
		"subject": object{"mediaType": registry.MediaTypeOCIManifest, "digest": subject, "size": 1}, "annotations": object{"of": word},
	}
	put, err := k.PutImage(k.t.Context(), &awsecr.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: aws.String(text(m))})
	check(k.t, err)
	return *put.Image.ImageId.ImageDigest
}

func TestReferrersByFilterAndPage(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		subject, _ := k.push("web", "v1", "subject")
		var all, signatures []string
		for i := range 5 {
			signatures = append(signatures, k.refer(subject, "application/vnd.test.signature", fmt.Sprint("signature", i)))
			all = append(all, k.refer(subject, "application/vnd.test.sbom", fmt.Sprint("sbom", i)))
		}
		away := k.refer(subject, "application/vnd.test.signature", "old")
		_, err := k.room.Archive(t.Context(), account, "web", registry.ImageID{Digest: registry.Digest(away)}, true)
		check(t, err)
		all = append(all, signatures...)
		for _, c := range []struct {
			filter *types.ListImageReferrersFilter
			want   []string
		}{
			{nil, all},
			{&types.ListImageReferrersFilter{ArtifactTypes: []string{"application/vnd.test.signature"}}, signatures},
			{&types.ListImageReferrersFilter{ArtifactTypes: []string{"application/vnd.test.none"}}, nil},
			{&types.ListImageReferrersFilter{ArtifactStatus: types.ArtifactStatusFilterAny}, append(slices.Clone(all), away)},
			{&types.ListImageReferrersFilter{ArtifactStatus: types.ArtifactStatusFilterArchived}, []string{away}},
			{&types.ListImageReferrersFilter{ArtifactStatus: types.ArtifactStatusFilterActivating}, nil},
		} {
			for _, size := range []int32{1, 2, 5, 50} {
				slices.Sort(c.want)
				wantSame(t, fmt.Sprintf("%+v by %d", c.filter, size), k.referrers(subject, c.filter, size), c.want)
			}
		}
		wantSame(t, "of nothing", k.referrers(missing(1), nil, 10), nil)
		_, err = k.ListImageReferrers(t.Context(), &awsecr.ListImageReferrersInput{RepositoryName: aws.String("web"), SubjectId: &types.SubjectIdentifier{ImageDigest: aws.String("x")}})
		if err == nil {
			t.Error("a subject without a digest is found")
		}
	})
}

// referrers lists by pages, which are all full but the last.
func (k kit) referrers(subject string, filter *types.ListImageReferrersFilter, size int32) (digests []string) {
	k.t.Helper()
	in := &awsecr.ListImageReferrersInput{RepositoryName: aws.String("web"), SubjectId: &types.SubjectIdentifier{ImageDigest: &subject}, Filter: filter, MaxResults: &size}
	for more := true; more; more = in.NextToken != nil {
		page, err := k.ListImageReferrers(k.t.Context(), in)
		check(k.t, err)
		in.NextToken = page.NextToken
		if page.NextToken != nil && len(page.Referrers) != int(size) {
			k.t.Errorf("%d on a page of %d", len(page.Referrers), size)
		}
		for _, r := range page.Referrers {
			digests = append(digests, *r.Digest)
			if *r.MediaType != registry.MediaTypeOCIManifest || *r.Size == 0 || r.Annotations["of"] == "" || r.ArtifactStatus == "" || *r.ArtifactType == "" {
				k.t.Errorf("referrer %+v", r)
			}
		}
	}
	return digests
}
