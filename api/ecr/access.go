package ecr

import (
	"context"

	"slipway/api/awswire"
	"slipway/internal/arn"
	"slipway/registry"
)

// target is a repository as a call names it. What the call leaves out is the caller's own.
type target struct {
	region     string
	account    string
	repository string
}

// aimed is an input that names one repository.
type aimed[I any] interface {
	*I
	aim() (target, error)
}

// settle finds out whose repository is meant.
func (d *door) settle(ctx context.Context, aim func() (target, error)) (target, error) {
	t, err := aim()
	if err != nil {
		return target{}, err
	}
	if t.account == "" {
		t.account = awswire.CallerOf(ctx).Account
	}
	if t.region != "" && t.region != d.registry.Region() {
		return target{}, invalid("resourceArn", "must be in region %s, not %s", d.registry.Region(), t.region)
	}
	return t, nil
}

// ask is for the operation on a repository, whoever's it is: the repository's own policy may let
// other accounts in. One that is not there has neither tags nor a policy, so that who may not
// learns nothing of it.
func (d *door) ask(t target) awswire.Ask {
	return awswire.Ask{
		Resource: d.registry.ARN(t.account, t.repository),
		Tags: func(ctx context.Context) (map[string]string, error) {
			return d.registry.DecidingLabels(ctx, t.account, t.repository)
		},
		Policy: func(ctx context.Context) (string, error) {
			return d.registry.DecidingPolicy(ctx, t.account, t.repository)
		},
	}
}

// onCreateRepository asks for the tags of the new repository as well.
func (d *door) onCreateRepository(ctx context.Context, in *CreateRepositoryInput) []awswire.Ask {
	t, err := d.settle(ctx, in.aim)
	if err != nil {
		return []awswire.Ask{{Err: faultOf(err)}}
	}
	asks := []awswire.Ask{d.ask(t)}
	if len(in.Tags) > 0 {
		asks = append(asks, d.ask(t))
		asks[1].Action = "ecr:TagResource"
	}
	return asks
}

// onRepositories are the repositories that are asked for by name, or all of a registry.
func (d *door) onRepositories(ctx context.Context, in *DescribeRepositoriesInput) []awswire.Ask {
	account := registryOf(ctx, in.RegistryId)
	if len(in.RepositoryNames) == 0 {
		return []awswire.Ask{{Resource: d.registry.ARN(account, "*"), Policy: d.policyOf(account)}}
	}
	asks := make([]awswire.Ask, len(in.RepositoryNames))
	for i, name := range in.RepositoryNames {
		asks[i] = d.ask(target{account: account, repository: name})
	}
	return asks
}

// policyOf reads the policy of an account's registry.
func (d *door) policyOf(account string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return d.registry.DecidingPolicy(ctx, account, "") }
}

// askRegistry is for an operation on a registry as a whole.
func (d *door) askRegistry(account string) awswire.Ask {
	return awswire.Ask{Policy: d.policyOf(account)}
}

// onOwn is the access of operations on the caller's own registry.
func onOwn[I any](d *door) func(context.Context, *I) []awswire.Ask {
	return func(ctx context.Context, _ *I) []awswire.Ask {
		return []awswire.Ask{d.askRegistry(awswire.CallerOf(ctx).Account)}
	}
}

// onNamed is the access of operations on the registry that they name: that of another account is a
// resource of that account's.
func onNamed[I any](d *door, named func(*I) *string) func(context.Context, *I) []awswire.Ask {
	return func(ctx context.Context, in *I) []awswire.Ask {
		account := registryOf(ctx, named(in))
		ask := d.askRegistry(account)
		if account != awswire.CallerOf(ctx).Account {
			ask.Resource = d.registry.ARN(account, "*")
		}
		return []awswire.Ask{ask}
	}
}

// by is the target of a call that has registryId and repositoryName.
func by(registryID *string, repository string) (target, error) {
	return target{account: awswire.Or(registryID, ""), repository: repository}, nil
}

// byARN is the target of a call that has resourceArn.
func byARN(resource string) (target, error) {
	a, err := arn.Parse(resource)
	if err != nil {
		return target{}, invalid("resourceArn", "Invalid ARN")
	}
	kind, name := a.ResourceID()
	if a.Service != "ecr" || a.Region == "" || a.Account == "" || kind != "repository" || registry.CheckName(name) != nil {
		return target{}, invalid("resourceArn", "Invalid ARN")
	}
	return target{a.Region, a.Account, name}, nil
}

// What each operation acts on; testdata/access.golden shows it as a table. Source: Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Container
// Registry".

func (in *BatchCheckLayerAvailabilityInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *BatchDeleteImageInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *BatchGetImageInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *CompleteLayerUploadInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *CreateRepositoryInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *DeleteRepositoryInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *DeleteRepositoryPolicyInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *DescribeImagesInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *GetDownloadUrlForLayerInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *GetRepositoryPolicyInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *InitiateLayerUploadInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *ListImagesInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *PutImageInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *PutImageTagMutabilityInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *DeleteLifecyclePolicyInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *GetLifecyclePolicyInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *GetLifecyclePolicyPreviewInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *ListImageReferrersInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *PutLifecyclePolicyInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *StartLifecyclePolicyPreviewInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *UpdateImageStorageClassInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *SetRepositoryPolicyInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *UploadLayerPartInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *ListTagsForResourceInput) aim() (target, error) {
	return byARN(in.ResourceArn)
}

func (in *TagResourceInput) aim() (target, error) {
	return byARN(in.ResourceArn)
}

func (in *UntagResourceInput) aim() (target, error) {
	return byARN(in.ResourceArn)
}
