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

// settle finds out whose repository is meant. A registry of another account, or region, is one
// that is not there: there is nothing of the caller's in it.
func (d *door) settle(ctx context.Context, aim func() (target, error)) (target, error) {
	t, err := aim()
	if err != nil {
		return target{}, err
	}
	who := awswire.CallerOf(ctx)
	if t.account == "" {
		t.account = who.Account
	}
	if t.region != "" && t.region != d.registry.Region() {
		return target{}, invalid("resourceArn", "must be in region %s, not %s", d.registry.Region(), t.region)
	}
	if t.account != who.Account {
		return target{}, &registry.Error{Cause: registry.ErrNoRepository, Account: t.account, Repository: t.repository}
	}
	return t, nil
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

// What each operation acts on. Source: Service Authorization Reference, "Actions, resources, and
// condition keys for Amazon Elastic Container Registry".

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

func (in *DescribeImagesInput) aim() (target, error) {
	return by(in.RegistryId, in.RepositoryName)
}

func (in *GetDownloadUrlForLayerInput) aim() (target, error) {
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

// onRepositories are the repositories that are asked for by name, or all of the caller's.
func (d *door) onRepositories(ctx context.Context, in *DescribeRepositoriesInput) []awswire.Ask {
	who := awswire.CallerOf(ctx)
	if awswire.Or(in.RegistryId, who.Account) != who.Account {
		return nil // the handler says that it is not there
	}
	names := in.RepositoryNames
	if len(names) == 0 {
		names = []string{"*"}
	}
	arns := make([]string, len(names))
	for i, name := range names {
		arns[i] = d.registry.ARN(who.Account, name)
	}
	return awswire.On(arns...)
}
