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
		CreateRepository.Handle(handle(d, d.createRepository), d.onCreateRepository),
		DeleteRepository.Handle(at(d, d.deleteRepository)),
		DeleteRepositoryPolicy.Handle(at(d, d.deleteRepositoryPolicy)),
		DescribeImages.Handle(at(d, d.describeImages)),
		DescribeRegistry.Handle(worded(d.describeRegistry), awswire.Any),
		DescribeRepositories.Handle(worded(d.describeRepositories), d.onRepositories),
		GetAuthorizationToken.Handle(worded(d.getAuthorizationToken), awswire.Any),
		GetDownloadUrlForLayer.Handle(at(d, d.getDownloadURLForLayer)),
		GetRepositoryPolicy.Handle(at(d, d.getRepositoryPolicy)),
		InitiateLayerUpload.Handle(at(d, d.initiateLayerUpload)),
		ListImages.Handle(at(d, d.listImages)),
		ListTagsForResource.Handle(at(d, d.listTagsForResource)),
		PutImage.Handle(at(d, d.putImage)),
		PutImageTagMutability.Handle(at(d, d.putImageTagMutability)),
		SetRepositoryPolicy.Handle(at(d, d.setRepositoryPolicy)),
		TagResource.Handle(at(d, d.tagResource)),
		UntagResource.Handle(at(d, d.untagResource)),
		UploadLayerPart.Handle(at(d, d.uploadLayerPart)),
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
