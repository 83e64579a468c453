package ecr

import (
	"context"
	"fmt"
	"time"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/registry"
	"slipway/registry/lifecycle"
)

func (d *door) putLifecyclePolicy(ctx context.Context, t target, in *PutLifecyclePolicyInput) (*PutLifecyclePolicyOutput, error) {
	if err := d.registry.PutLifecyclePolicy(ctx, t.account, t.repository, in.LifecyclePolicyText); err != nil {
		return nil, err
	}
	return &PutLifecyclePolicyOutput{LifecyclePolicyText: &in.LifecyclePolicyText, RegistryId: &t.account, RepositoryName: &t.repository}, nil
}

func (d *door) getLifecyclePolicy(ctx context.Context, t target, _ *GetLifecyclePolicyInput) (*GetLifecyclePolicyOutput, error) {
	p, err := d.registry.LifecyclePolicy(ctx, t.account, t.repository)
	if err != nil {
		return nil, err
	}
	return &GetLifecyclePolicyOutput{
		LastEvaluatedAt: evaluated(p), LifecyclePolicyText: &p.Text, RegistryId: &t.account, RepositoryName: &t.repository,
	}, nil
}

func (d *door) deleteLifecyclePolicy(ctx context.Context, t target, _ *DeleteLifecyclePolicyInput) (*DeleteLifecyclePolicyOutput, error) {
	p, err := d.registry.DeleteLifecyclePolicy(ctx, t.account, t.repository)
	if err != nil {
		return nil, err
	}
	return &DeleteLifecyclePolicyOutput{
		LastEvaluatedAt: evaluated(p), LifecyclePolicyText: &p.Text, RegistryId: &t.account, RepositoryName: &t.repository,
	}, nil
}

// evaluated is when a policy was last applied. ECR always has a time: that of the epoch, where it was not.
func evaluated(p registry.LifecyclePolicy) *time.Time {
	if p.Evaluated.IsZero() {
		return new(time.Unix(0, 0))
	}
	return &p.Evaluated
}

func (d *door) startLifecyclePolicyPreview(ctx context.Context, t target, in *StartLifecyclePolicyPreviewInput) (*StartLifecyclePolicyPreviewOutput, error) {
	text, err := d.registry.StartPreview(ctx, t.account, t.repository, awswire.Or(in.LifecyclePolicyText, ""))
	if err != nil {
		return nil, err
	}
	return &StartLifecyclePolicyPreviewOutput{
		LifecyclePolicyText: &text, RegistryId: &t.account, RepositoryName: &t.repository, Status: new(LifecyclePolicyPreviewStatusInProgress),
	}, nil
}

func (d *door) getLifecyclePolicyPreview(ctx context.Context, t target, in *GetLifecyclePolicyPreviewInput) (*GetLifecyclePolicyPreviewOutput, error) {
	p, err := d.registry.Preview(ctx, t.account, t.repository)
	if err != nil {
		return nil, err
	}
	results, next, err := d.previewed(ctx, t, in)
	if err != nil {
		return nil, err
	}
	return &GetLifecyclePolicyPreviewOutput{
		LifecyclePolicyText: &p.Text,
		NextToken:           next,
		PreviewResults:      wirePreview(results),
		RegistryId:          &t.account,
		RepositoryName:      &t.repository,
		Status:              new(LifecyclePolicyPreviewStatus(p.Status)),
		Summary: &LifecyclePolicyPreviewSummary{
			ExpiringImageTotalCount: new(int32(p.Expires)),
			TransitioningImageTotalCounts: []TransitioningImageTotalCount{
				{ImageTotalCount: new(int32(p.Archives)), TargetStorageClass: new(LifecyclePolicyTargetStorageClassArchive)},
			},
		},
	}, nil
}

// previewed are the images that are asked for by name, or a page of those with a status.
func (d *door) previewed(ctx context.Context, t target, in *GetLifecyclePolicyPreviewInput) ([]registry.PreviewImage, *string, error) {
	if len(in.ImageIds) > 0 {
		ids, err := namedIDs(in.ImageIds, in.Filter != nil, in.MaxResults, in.NextToken)
		if err != nil {
			return nil, nil, err
		}
		found, err := d.registry.PreviewImagesByID(ctx, t.account, t.repository, ids)
		return found, nil, err
	}
	var status *TagStatus
	if in.Filter != nil {
		status = in.Filter.TagStatus
	}
	listing := fmt.Sprintf("preview of %s/%s %s", t.account, t.repository, awswire.Or(status, TagStatusAny))
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, nil, err
	}
	limit := pageSize(in.MaxResults)
	found, err := d.registry.PreviewImages(ctx, t.account, t.repository, tagFilter(status), after, limit+1)
	if err != nil {
		return nil, nil, err
	}
	found, next := page.Cut(found, limit, func(i registry.PreviewImage) string { return string(i.Digest) })
	return found, token(listing, next), nil
}

func wirePreview(images []registry.PreviewImage) []LifecyclePolicyPreviewResult {
	wire := make([]LifecyclePolicyPreviewResult, len(images))
	for i, image := range images {
		action := LifecyclePolicyRuleAction{Type: new(ImageActionType(image.Action))}
		if image.Action == lifecycle.Archive {
			action.TargetStorageClass = new(LifecyclePolicyTargetStorageClassArchive)
		}
		class := LifecyclePolicyStorageClassStandard
		if image.Archived {
			class = LifecyclePolicyStorageClassArchive
		}
		wire[i] = LifecyclePolicyPreviewResult{
			Action: &action, AppliedRulePriority: new(int32(image.Rule)), ImageDigest: new(string(image.Digest)),
			ImagePushedAt: &image.Pushed, ImageTags: image.Tags, StorageClass: &class,
		}
	}
	return wire
}
