package ecr

import (
	"context"

	"slipway/api/awswire"
	"slipway/registry"
)

// updateImageStorageClass moves an image to the archive or back. What comes back can be pulled at once:
// nothing is ever ACTIVATING.
func (d *door) updateImageStorageClass(ctx context.Context, t target, in *UpdateImageStorageClassInput) (*UpdateImageStorageClassOutput, error) {
	ids, failures := readIDs([]ImageIdentifier{*in.ImageId})
	if len(failures) > 0 {
		return nil, invalid("imageId", "%s", *failures[0].FailureReason)
	}
	image, err := d.registry.Archive(ctx, t.account, t.repository, ids[0], in.TargetStorageClass == TargetStorageClassArchive)
	if err != nil {
		return nil, err
	}
	id := wireID(registry.ImageID{Digest: image.Digest, Tag: ids[0].Tag})
	return &UpdateImageStorageClassOutput{ImageId: &id, ImageStatus: new(statusOf(image)), RegistryId: &t.account, RepositoryName: &t.repository}, nil
}

func statusOf(i registry.Image) ImageStatus {
	if i.Archived.IsZero() {
		return ImageStatusActive
	}
	return ImageStatusArchived
}

// filterOf says which images a listing shows, and what it is called for its tokens; none: those of a
// status that no image has. Images in the archive are shown to those who ask for them.
func filterOf(tags *TagStatus, status *ImageStatusFilter) (f registry.Filter, name string, none bool) {
	f = tagFilter(tags)
	switch awswire.Or(status, ImageStatusFilterActive) {
	case ImageStatusFilterActive:
		f |= registry.Active
	case ImageStatusFilterArchived:
		f |= registry.Archived
	case ImageStatusFilterActivating:
		none = true
	}
	return f, string(awswire.Or(tags, TagStatusAny)) + " " + string(awswire.Or(status, ImageStatusFilterActive)), none
}

func tagFilter(status *TagStatus) registry.Filter {
	switch awswire.Or(status, TagStatusAny) {
	case TagStatusTagged:
		return registry.Tagged
	case TagStatusUntagged:
		return registry.Untagged
	}
	return registry.AnyImage
}
