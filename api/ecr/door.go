// Package ecr is the door of registry: it speaks ECR and holds no state.
//
// What ECR has and Slipway does not honour (scans, keys of a key service) is refused by
// name and never ignored. Docker's own wire is not here.
package ecr

import (
	"context"

	"slipway/api/awswire"
	"slipway/registry"
)

type door struct {
	registry *registry.Control
	host     string // host:port under which clients push and pull
}

// New returns the door of r. The host, with its port, is where clients reach the registry to
// push and pull: it begins every repositoryUri.
func New(r *registry.Control, host string) *awswire.Service {
	d := &door{r, host}
	return awswire.NewService(API, nil,
		BatchCheckLayerAvailability.Handle(at(d, d.batchCheckLayerAvailability)),
		BatchDeleteImage.Handle(at(d, d.batchDeleteImage)),
		BatchGetImage.Handle(at(d, d.batchGetImage)),
		CompleteLayerUpload.Handle(at(d, d.completeLayerUpload)),
		CreatePullThroughCacheRule.Handle(worded(d.createPullThroughCacheRule), onNamed(d, func(in *CreatePullThroughCacheRuleInput) *string { return in.RegistryId })),
		CreateRepository.Handle(handle(d, d.createRepository), d.onCreateRepository),
		CreateRepositoryCreationTemplate.Handle(worded(d.createRepositoryCreationTemplate), onOwn[CreateRepositoryCreationTemplateInput](d)),
		DeleteLifecyclePolicy.Handle(at(d, d.deleteLifecyclePolicy)),
		DeletePullThroughCacheRule.Handle(worded(d.deletePullThroughCacheRule), onNamed(d, func(in *DeletePullThroughCacheRuleInput) *string { return in.RegistryId })),
		DeleteRegistryPolicy.Handle(worded(d.deleteRegistryPolicy), onOwn[DeleteRegistryPolicyInput](d)),
		DeleteRepository.Handle(at(d, d.deleteRepository)),
		DeleteRepositoryCreationTemplate.Handle(worded(d.deleteRepositoryCreationTemplate), onOwn[DeleteRepositoryCreationTemplateInput](d)),
		DeleteRepositoryPolicy.Handle(at(d, d.deleteRepositoryPolicy)),
		DeregisterPullTimeUpdateExclusion.Handle(worded(d.deregisterPullTimeUpdateExclusion), onOwn[DeregisterPullTimeUpdateExclusionInput](d)),
		DescribeImages.Handle(at(d, d.describeImages)),
		DescribePullThroughCacheRules.Handle(worded(d.describePullThroughCacheRules), onNamed(d, func(in *DescribePullThroughCacheRulesInput) *string { return in.RegistryId })),
		DescribeRegistry.Handle(worded(d.describeRegistry), onOwn[DescribeRegistryInput](d)),
		DescribeRepositories.Handle(worded(d.describeRepositories), d.onRepositories),
		DescribeRepositoryCreationTemplates.Handle(worded(d.describeRepositoryCreationTemplates), onOwn[DescribeRepositoryCreationTemplatesInput](d)),
		GetAccountSetting.Handle(worded(d.getAccountSetting), d.onGetAccountSetting),
		GetAuthorizationToken.Handle(worded(d.getAuthorizationToken), onOwn[GetAuthorizationTokenInput](d)),
		GetDownloadUrlForLayer.Handle(at(d, d.getDownloadURLForLayer)),
		GetLifecyclePolicy.Handle(at(d, d.getLifecyclePolicy)),
		GetLifecyclePolicyPreview.Handle(at(d, d.getLifecyclePolicyPreview)),
		GetRegistryPolicy.Handle(worded(d.getRegistryPolicy), onOwn[GetRegistryPolicyInput](d)),
		GetRepositoryPolicy.Handle(at(d, d.getRepositoryPolicy)),
		InitiateLayerUpload.Handle(at(d, d.initiateLayerUpload)),
		ListImageReferrers.Handle(at(d, d.listImageReferrers)),
		ListImages.Handle(at(d, d.listImages)),
		ListPullTimeUpdateExclusions.Handle(worded(d.listPullTimeUpdateExclusions), onOwn[ListPullTimeUpdateExclusionsInput](d)),
		ListTagsForResource.Handle(at(d, d.listTagsForResource)),
		PutAccountSetting.Handle(worded(d.putAccountSetting), d.onPutAccountSetting),
		PutImage.Handle(at(d, d.putImage)),
		PutImageTagMutability.Handle(at(d, d.putImageTagMutability)),
		PutLifecyclePolicy.Handle(at(d, d.putLifecyclePolicy)),
		PutRegistryPolicy.Handle(worded(d.putRegistryPolicy), onOwn[PutRegistryPolicyInput](d)),
		RegisterPullTimeUpdateExclusion.Handle(worded(d.registerPullTimeUpdateExclusion), onOwn[RegisterPullTimeUpdateExclusionInput](d)),
		SetRepositoryPolicy.Handle(at(d, d.setRepositoryPolicy)),
		StartLifecyclePolicyPreview.Handle(at(d, d.startLifecyclePolicyPreview)),
		TagResource.Handle(at(d, d.tagResource)),
		UntagResource.Handle(at(d, d.untagResource)),
		UpdateImageStorageClass.Handle(at(d, d.updateImageStorageClass)),
		UpdatePullThroughCacheRule.Handle(worded(d.updatePullThroughCacheRule), onNamed(d, func(in *UpdatePullThroughCacheRuleInput) *string { return in.RegistryId })),
		UpdateRepositoryCreationTemplate.Handle(worded(d.updateRepositoryCreationTemplate), onOwn[UpdateRepositoryCreationTemplateInput](d)),
		UploadLayerPart.Handle(at(d, d.uploadLayerPart)),
		ValidatePullThroughCacheRule.Handle(worded(d.validatePullThroughCacheRule), onNamed(d, func(in *ValidatePullThroughCacheRuleInput) *string { return in.RegistryId })),
	)
}

// worded gives a handler's errors ECR's names and sentences.
func worded[I, O any](do func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, faultOf(err)
		}
		return out, nil
	}
}

// at binds a handler of calls that are about one repository: the repository is what the caller must
// be allowed, and the handler is told whose it is.
func at[I, O any, P aimed[I]](d *door, do func(context.Context, target, *I) (*O, error)) (
	func(context.Context, *I) (*O, error), func(context.Context, *I) []awswire.Ask,
) {
	on := func(ctx context.Context, in *I) []awswire.Ask {
		t, err := d.settle(ctx, P(in).aim)
		if err != nil {
			return []awswire.Ask{{Err: faultOf(err)}}
		}
		return []awswire.Ask{d.ask(t)}
	}
	return handle[I, O, P](d, do), on
}

// handle is the first half of at.
func handle[I, O any, P aimed[I]](d *door, do func(context.Context, target, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return worded(func(ctx context.Context, in *I) (*O, error) {
		t, err := d.settle(ctx, P(in).aim)
		if err != nil {
			return nil, err
		}
		return do(ctx, t, in)
	})
}
