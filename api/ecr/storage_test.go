package ecr_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func TestImagesGoToTheArchiveAndBack(t *testing.T) {
	each(t, func(t *testing.T, k kit) {
		digest, _ := k.push("web", "v1", "one")
		k.push("web", "v2", "two")
		move := func(id types.ImageIdentifier, class types.TargetStorageClass) (*awsecr.UpdateImageStorageClassOutput, error) {
			return k.UpdateImageStorageClass(t.Context(), &awsecr.UpdateImageStorageClassInput{RepositoryName: aws.String("web"), ImageId: &id, TargetStorageClass: class})
		}
		away, err := move(tagged("v1"), types.TargetStorageClassArchive)
		check(t, err)
		if away.ImageStatus != types.ImageStatusArchived || *away.ImageId.ImageDigest != digest || *away.ImageId.ImageTag != "v1" || *away.RepositoryName != "web" {
			t.Errorf("moved as %+v", away)
		}
		for status, want := range map[types.ImageStatusFilter][]string{
			"": {"v2"}, types.ImageStatusFilterActive: {"v2"}, types.ImageStatusFilterArchived: {"v1"}, types.ImageStatusFilterActivating: {}, types.ImageStatusFilterAny: {"v1", "v2"},
		} {
			wantSame(t, "listed as "+string(status), slices.Sorted(slices.Values(k.tagsListed(status))), want)
			wantSame(t, "described as "+string(status), slices.Sorted(slices.Values(k.tagsDescribed(status))), want)
		}
		got, err := k.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{tagged("v1")}})
		check(t, err)
		wantSame(t, "pulled", failures(got.Failures), []string{" v1: ImageInaccessible, Requested image is archived; restore it to the STANDARD storage class first"})

		back, err := move(digested(digest), types.TargetStorageClassStandard)
		check(t, err)
		d, err := k.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{tagged("v1")}})
		check(t, err)
		if i := d.ImageDetails[0]; back.ImageStatus != types.ImageStatusActive || i.ImageStatus != types.ImageStatusActive || i.LastActivatedAt == nil || i.LastArchivedAt != nil {
			t.Errorf("back as %s, described as %+v", back.ImageStatus, i)
		}
		_, err = move(tagged("v3"), types.TargetStorageClassArchive)
		wantFault(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'v3'} does not exist within the repository with name 'web' in the registry with id '123456789012'")
		_, err = move(types.ImageIdentifier{}, types.TargetStorageClassArchive)
		wantFault(t, err, "InvalidParameterException", "Invalid parameter at 'imageId' failed to satisfy constraint: 'Invalid request parameters: both tag and digest cannot be null'")
	})
}

// tagsListed are the tags of the images that have a status; "" says none.
func (k kit) tagsListed(status types.ImageStatusFilter) (tags []string) {
	k.t.Helper()
	in := &awsecr.ListImagesInput{RepositoryName: aws.String("web")}
	if status != "" {
		in.Filter = &types.ListImagesFilter{ImageStatus: status}
	}
	out, err := k.ListImages(k.t.Context(), in)
	check(k.t, err)
	for _, id := range out.ImageIds {
		tags = append(tags, *id.ImageTag)
	}
	return tags
}

func (k kit) tagsDescribed(status types.ImageStatusFilter) (tags []string) {
	k.t.Helper()
	in := &awsecr.DescribeImagesInput{RepositoryName: aws.String("web")}
	if status != "" {
		in.Filter = &types.DescribeImagesFilter{ImageStatus: status}
	}
	out, err := k.DescribeImages(k.t.Context(), in)
	check(k.t, err)
	for _, image := range out.ImageDetails {
		tags = append(tags, image.ImageTags...)
		if archived := image.LastArchivedAt != nil; archived != (image.ImageStatus == types.ImageStatusArchived) {
			k.t.Errorf("archived at %v is %s", image.LastArchivedAt, image.ImageStatus)
		}
	}
	return tags
}
