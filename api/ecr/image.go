package ecr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/registry"
)

func (d *door) putImage(ctx context.Context, t target, in *PutImageInput) (*PutImageOutput, error) {
	push := registry.Push{
		Raw:       []byte(in.ImageManifest),
		MediaType: awswire.Or(in.ImageManifestMediaType, ""),
		Tag:       awswire.Or(in.ImageTag, ""),
	}
	if in.ImageDigest != nil {
		digest, err := registry.ParseDigest(*in.ImageDigest)
		if err != nil {
			return nil, invalid("imageDigest", "%v", err)
		}
		push.Digest = digest
	}
	made, changed, err := d.registry.PutManifest(ctx, t.account, t.repository, push)
	if err != nil {
		return nil, err
	}
	if !changed {
		return nil, ImageAlreadyExistsException.Newf("Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
			made.Digest, awswire.Or(in.ImageTag, "null"), t.repository, t.account)
	}
	id := registry.ImageID{Digest: made.Digest, Tag: push.Tag}
	return &PutImageOutput{Image: new(wireImage(t, id, registry.Manifest{Image: made, Raw: push.Raw}))}, nil
}

func wireImage(t target, id registry.ImageID, m registry.Manifest) Image {
	return Image{
		ImageId:                new(wireID(id)),
		ImageManifest:          new(string(m.Raw)),
		ImageManifestMediaType: &m.MediaType,
		RegistryId:             &t.account,
		RepositoryName:         &t.repository,
	}
}

func wireID(id registry.ImageID) ImageIdentifier {
	return ImageIdentifier{ImageDigest: optional(string(id.Digest)), ImageTag: optional(id.Tag)}
}

func wireIDs(ids []registry.ImageID) []ImageIdentifier {
	wire := make([]ImageIdentifier, len(ids))
	for i, id := range ids {
		wire[i] = wireID(id)
	}
	return wire
}

// instant leaves out what never was.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// optional leaves out what is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (d *door) batchGetImage(ctx context.Context, t target, in *BatchGetImageInput) (*BatchGetImageOutput, error) {
	ids, failures := readIDs(in.ImageIds)
	found, failed, err := d.pulled(ctx, t, ids)
	if err != nil {
		return nil, err
	}
	out := &BatchGetImageOutput{Images: []Image{}, Failures: append(failures, wireFailures(failed)...)}
	for _, f := range found {
		if len(in.AcceptedMediaTypes) > 0 && !slices.Contains(in.AcceptedMediaTypes, f.MediaType) {
			out.Failures = append(out.Failures, imageFailure(wireID(f.ID), ImageFailureCodeImageNotFound,
				"Requested image not found in an accepted media type: its manifest is "+f.MediaType))
			continue
		}
		out.Images = append(out.Images, wireImage(t, registry.ImageID{Digest: f.Digest, Tag: f.ID.Tag}, f.Manifest))
	}
	return out, nil
}

func (d *door) batchDeleteImage(ctx context.Context, t target, in *BatchDeleteImageInput) (*BatchDeleteImageOutput, error) {
	ids, failures := readIDs(in.ImageIds)
	gone, failed, err := d.registry.DeleteImages(ctx, t.account, t.repository, ids)
	if err != nil {
		return nil, err
	}
	return &BatchDeleteImageOutput{ImageIds: wireIDs(gone), Failures: append(failures, wireFailures(failed)...)}, nil
}

func (d *door) describeImages(ctx context.Context, t target, in *DescribeImagesInput) (*DescribeImagesOutput, error) {
	if len(in.ImageIds) > 0 {
		return d.describeNamed(ctx, t, in)
	}
	filter := DescribeImagesFilter{}
	if in.Filter != nil {
		filter = *in.Filter
	}
	show, name, none := filterOf(filter.TagStatus, filter.ImageStatus)
	listing := fmt.Sprintf("images of %s/%s %s", t.account, t.repository, name)
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.MaxResults)
	found, err := d.registry.Images(ctx, t.account, t.repository, show, after, limit+1)
	if err != nil {
		return nil, err
	}
	if none {
		found = nil
	}
	found, next := page.Cut(found, limit, func(i registry.Image) string { return string(i.Digest) })
	return &DescribeImagesOutput{ImageDetails: wireDetails(t, found), NextToken: token(listing, next)}, nil
}

// describeNamed answers with all that are asked for, or with the first that is not there.
func (d *door) describeNamed(ctx context.Context, t target, in *DescribeImagesInput) (*DescribeImagesOutput, error) {
	ids, err := namedIDs(in.ImageIds, in.Filter != nil, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	found, err := d.registry.ImagesByID(ctx, t.account, t.repository, ids)
	if err != nil {
		return nil, err
	}
	return &DescribeImagesOutput{ImageDetails: wireDetails(t, found)}, nil
}

func wireDetails(t target, images []registry.Image) []ImageDetail {
	details := make([]ImageDetail, len(images))
	for i, image := range images {
		details[i] = wireDetail(t, image)
	}
	return details
}

func wireDetail(t target, i registry.Image) ImageDetail {
	artifact := i.ArtifactType
	if artifact == "" {
		artifact = i.ConfigType
	}
	return ImageDetail{
		ArtifactMediaType:      optional(artifact),
		ImageDigest:            new(string(i.Digest)),
		ImageManifestMediaType: &i.MediaType,
		ImagePushedAt:          &i.Pushed,
		ImageSizeInBytes:       &i.ImageSize,
		ImageStatus:            new(statusOf(i)),
		ImageTags:              i.Tags,
		LastActivatedAt:        instant(i.Activated),
		LastArchivedAt:         instant(i.Archived),
		LastRecordedPullTime:   instant(i.Pulled),
		RegistryId:             &t.account,
		RepositoryName:         &t.repository,
		SubjectManifestDigest:  optional(string(i.Subject)),
	}
}

func (d *door) listImages(ctx context.Context, t target, in *ListImagesInput) (*ListImagesOutput, error) {
	filter := ListImagesFilter{}
	if in.Filter != nil {
		filter = *in.Filter
	}
	show, name, none := filterOf(filter.TagStatus, filter.ImageStatus)
	listing := fmt.Sprintf("image ids of %s/%s %s", t.account, t.repository, name)
	key, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	digest, tag, _ := strings.Cut(key, " ")
	limit := pageSize(in.MaxResults)
	found, err := d.registry.ImageIDs(ctx, t.account, t.repository, show, registry.ImageID{Digest: registry.Digest(digest), Tag: tag}, limit+1)
	if err != nil {
		return nil, err
	}
	if none {
		found = nil
	}
	found, next := page.Cut(found, limit, func(id registry.ImageID) string { return string(id.Digest) + " " + id.Tag })
	return &ListImagesOutput{ImageIds: wireIDs(found), NextToken: token(listing, next)}, nil
}

const tagForm = "[a-zA-Z0-9_][a-zA-Z0-9-_.]{0,127}"

var digestForm = regexp.MustCompile("^[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+$")

// badDigest says why a digest cannot name an image or a layer, in ECR's words if it has any.
func badDigest(what, said string, err error) string {
	if digestForm.MatchString(said) {
		return "Invalid request parameters: " + err.Error()
	}
	return "Invalid request parameters: " + what + " digest should satisfy the regex '" + strings.Trim(digestForm.String(), "^$") + "'"
}

// readIDs parts ids that can name an image from those that cannot, with the reason.
func readIDs(wire []ImageIdentifier) (ids []registry.ImageID, failures []ImageFailure) {
	failures = []ImageFailure{}
	for _, w := range wire {
		id := registry.ImageID{Digest: registry.Digest(awswire.Or(w.ImageDigest, "")), Tag: awswire.Or(w.ImageTag, "")}
		switch code, reason := checkID(id); {
		case code != "":
			failures = append(failures, imageFailure(w, code, reason))
		default:
			ids = append(ids, id)
		}
	}
	return ids, failures
}

// namedIDs are the ids of an operation that lists images, or else answers for all that are named: with
// names it has neither pages nor a filter.
func namedIDs(wire []ImageIdentifier, filtered bool, limit *int32, next *string) ([]registry.ImageID, error) {
	if err := unpaged(limit, next, "imageIds"); err != nil {
		return nil, err
	}
	if filtered {
		return nil, invalid("filter", "must be left out with imageIds")
	}
	ids, failures := readIDs(wire)
	if len(failures) > 0 {
		return nil, invalid("imageIds", "%s", *failures[0].FailureReason)
	}
	return ids, nil
}

func checkID(id registry.ImageID) (code ImageFailureCode, reason string) {
	if id == (registry.ImageID{}) {
		return ImageFailureCodeMissingDigestAndTag, "Invalid request parameters: both tag and digest cannot be null"
	}
	if id.Digest != "" {
		if _, err := registry.ParseDigest(string(id.Digest)); err != nil {
			return ImageFailureCodeInvalidImageDigest, badDigest("image", string(id.Digest), err)
		}
	}
	if id.Tag != "" && registry.CheckTag(id.Tag) != nil {
		return ImageFailureCodeInvalidImageTag, "Invalid request parameters: image tag should satisfy the regex '" + tagForm + "'"
	}
	return "", ""
}

func wireFailures(failed []registry.Failure) []ImageFailure {
	wire := make([]ImageFailure, len(failed))
	for i, f := range failed {
		code, reason := failureOf(f.Err)
		wire[i] = imageFailure(wireID(f.ID), code, reason)
	}
	return wire
}

// failureOf names why nothing was done about one image of several.
func failureOf(err error) (ImageFailureCode, string) {
	switch {
	case errors.Is(err, registry.ErrTagMismatch):
		return ImageFailureCodeImageTagDoesNotMatchDigest, "Invalid request parameters: given tag does not map to the given digest"
	case errors.Is(err, registry.ErrImageInUse):
		about := &registry.Error{}
		errors.As(err, &about)
		return ImageFailureCodeImageReferencedByManifestList, "Requested image referenced by manifest list: " + list(about.Digests)
	}
	for _, row := range upstreamFailures {
		if errors.Is(err, row.cause) {
			return row.code, row.text
		}
	}
	about := &registry.Error{}
	switch errors.As(err, &about); {
	case errors.Is(err, registry.ErrMarked):
		return ImageFailureCodeImageInaccessible, "Requested image needs layers that were marked as not to be used: " + about.Reason
	case kmsErrors[about.Cause] != "":
		return ImageFailureCodeKmsError, faultOf(err).Error()
	case errors.Is(err, registry.ErrArchived):
		return ImageFailureCodeImageInaccessible, "Requested image is archived; restore it to the STANDARD storage class first"
	}
	return ImageFailureCodeImageNotFound, "Requested image not found"
}

func imageFailure(id ImageIdentifier, code ImageFailureCode, reason string) ImageFailure {
	return ImageFailure{FailureCode: &code, FailureReason: &reason, ImageId: &id}
}
