package ecr

import (
	"context"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/registry"
)

func (d *door) createRepository(ctx context.Context, t target, in *CreateRepositoryInput) (*CreateRepositoryOutput, error) {
	if scan := in.ImageScanningConfiguration; scan != nil && awswire.Or(scan.ScanOnPush, false) {
		return nil, invalid("imageScanningConfiguration.scanOnPush", "must be false: scans are not supported by Slipway")
	}
	mutability, err := mutabilityOf(awswire.Or(in.ImageTagMutability, ImageTagMutabilityMutable), in.ImageTagMutabilityExclusionFilters)
	if err != nil {
		return nil, err
	}
	labels, err := labelsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	made, err := d.makeRepository(ctx, t, mutability, labels, in.EncryptionConfiguration)
	if err != nil {
		return nil, err
	}
	return &CreateRepositoryOutput{Repository: new(d.wireRepository(ctx, made))}, nil
}

func (d *door) makeRepository(ctx context.Context, t target, m registry.Mutability, labels map[string]string, e *EncryptionConfiguration) (registry.Repository, error) {
	if e == nil {
		return d.registry.CreateRepository(ctx, t.account, t.repository, m, labels)
	}
	sealed, err := checkEncryption(e.EncryptionType, e.KmsKey)
	if err != nil {
		return registry.Repository{}, err
	}
	if !sealed {
		return d.registry.CreateRepository(ctx, t.account, t.repository, m, labels)
	}
	return d.registry.CreateSealed(ctx, t.account, t.repository, m, labels, awswire.Or(e.KmsKey, ""))
}

// checkEncryption refuses what Slipway would otherwise silently not do, and reports whether layers are to be
// sealed with a key: that which is named, or else the account's own for this.
func checkEncryption(kind EncryptionType, key *string) (sealed bool, err error) {
	switch {
	case kind != EncryptionTypeAes256 && kind != EncryptionTypeKms:
		return false, invalid("encryptionConfiguration.encryptionType", "must be AES256 or KMS: %s is not supported by Slipway", kind)
	case kind == EncryptionTypeAes256 && key != nil:
		return false, invalid("encryptionConfiguration.kmsKey", "must be left out with AES256: %s would not be used", *key)
	}
	return kind == EncryptionTypeKms, nil
}

// wireEncryption names the key of an id by its ARN, however it was named before.
func (d *door) wireEncryption(account, keyID string) EncryptionConfiguration {
	if keyID == "" {
		return EncryptionConfiguration{EncryptionType: EncryptionTypeAes256}
	}
	return EncryptionConfiguration{EncryptionType: EncryptionTypeKms, KmsKey: new(d.registry.KeyARN(account, keyID))}
}

// mutabilityOf reads the mode, and the filters that only two of the four modes have.
func mutabilityOf(mode ImageTagMutability, filters []ImageTagMutabilityExclusionFilter) (registry.Mutability, error) {
	excluding := mode == ImageTagMutabilityImmutableWithExclusion || mode == ImageTagMutabilityMutableWithExclusion
	switch {
	case excluding && len(filters) == 0:
		return registry.Mutability{}, invalid("imageTagMutabilityExclusionFilters", "must be given with %s", mode)
	case !excluding && len(filters) > 0:
		return registry.Mutability{}, invalid("imageTagMutabilityExclusionFilters", "must be left out with %s", mode)
	}
	m := registry.Mutability{Immutable: mode == ImageTagMutabilityImmutable || mode == ImageTagMutabilityImmutableWithExclusion}
	for _, f := range filters {
		m.Except = append(m.Except, f.Filter)
	}
	return m, nil
}

func wireMutability(m registry.Mutability) (mode ImageTagMutability, filters []ImageTagMutabilityExclusionFilter) {
	for _, pattern := range m.Except {
		filters = append(filters, ImageTagMutabilityExclusionFilter{pattern, ImageTagMutabilityExclusionFilterTypeWildcard})
	}
	switch {
	case m.Immutable && filters != nil:
		return ImageTagMutabilityImmutableWithExclusion, filters
	case m.Immutable:
		return ImageTagMutabilityImmutable, nil
	case filters != nil:
		return ImageTagMutabilityMutableWithExclusion, filters
	}
	return ImageTagMutabilityMutable, nil
}

func (d *door) wireRepository(ctx context.Context, r registry.Repository) Repository {
	mode, filters := wireMutability(r.Mutability)
	return Repository{
		CreatedAt:                          &r.Created,
		EncryptionConfiguration:            new(d.wireEncryption(r.Account, r.KeyID)),
		ImageScanningConfiguration:         &ImageScanningConfiguration{ScanOnPush: new(false)},
		ImageTagMutability:                 &mode,
		ImageTagMutabilityExclusionFilters: filters,
		RegistryId:                         &r.Account,
		RepositoryArn:                      new(d.registry.ARN(r.Account, r.Name)),
		RepositoryName:                     &r.Name,
		RepositoryUri:                      new(d.uri(ctx, r)),
	}
}

// uri is where the caller pulls a repository from. Our host alone means the registry of whoever
// logs in; another account's has the name that it has on AWS.
func (d *door) uri(ctx context.Context, r registry.Repository) string {
	if r.Account == awswire.CallerOf(ctx).Account {
		return d.host + "/" + r.Name
	}
	return r.Account + ".dkr.ecr." + d.registry.Region() + ".amazonaws.com/" + r.Name
}

func (d *door) putImageTagMutability(ctx context.Context, t target, in *PutImageTagMutabilityInput) (*PutImageTagMutabilityOutput, error) {
	mutability, err := mutabilityOf(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters)
	if err != nil {
		return nil, err
	}
	if err := d.registry.SetMutability(ctx, t.account, t.repository, mutability); err != nil {
		return nil, err
	}
	mode, filters := wireMutability(mutability)
	return &PutImageTagMutabilityOutput{
		ImageTagMutability: &mode, ImageTagMutabilityExclusionFilters: filters,
		RegistryId: &t.account, RepositoryName: &t.repository,
	}, nil
}

func (d *door) deleteRepository(ctx context.Context, t target, in *DeleteRepositoryInput) (*DeleteRepositoryOutput, error) {
	gone, err := d.registry.DeleteRepository(ctx, t.account, t.repository, awswire.Or(in.Force, false))
	if err != nil {
		return nil, err
	}
	return &DeleteRepositoryOutput{Repository: new(d.wireRepository(ctx, gone))}, nil
}

func (d *door) describeRepositories(ctx context.Context, in *DescribeRepositoriesInput) (*DescribeRepositoriesOutput, error) {
	account := awswire.Or(in.RegistryId, awswire.CallerOf(ctx).Account)
	if len(in.RepositoryNames) > 0 {
		return d.namedRepositories(ctx, account, in)
	}
	listing := "repositories of " + account
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.MaxResults)
	found, err := d.registry.Repositories(ctx, account, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := page.Cut(found, limit, func(r registry.Repository) string { return r.Name })
	return &DescribeRepositoriesOutput{Repositories: d.wireRepositories(ctx, found), NextToken: token(listing, next)}, nil
}

// namedRepositories answers with all that are asked for, or with the first that is not there.
func (d *door) namedRepositories(ctx context.Context, account string, in *DescribeRepositoriesInput) (*DescribeRepositoriesOutput, error) {
	if err := unpaged(in.MaxResults, in.NextToken, "repositoryNames"); err != nil {
		return nil, err
	}
	found := make([]registry.Repository, len(in.RepositoryNames))
	for i, name := range in.RepositoryNames {
		var err error
		if found[i], err = d.registry.Repository(ctx, account, name); err != nil {
			return nil, err
		}
	}
	return &DescribeRepositoriesOutput{Repositories: d.wireRepositories(ctx, found)}, nil
}

func (d *door) wireRepositories(ctx context.Context, found []registry.Repository) []Repository {
	wire := make([]Repository, len(found))
	for i, r := range found {
		wire[i] = d.wireRepository(ctx, r)
	}
	return wire
}

const defaultPage = 100

func pageSize(asked *int32) int { return int(awswire.Or(asked, defaultPage)) }

// token is nextToken: absent at the end of the listing.
func token(listing, next string) *string {
	if next == "" {
		return nil
	}
	return new(page.Token(listing, next))
}

// unpaged refuses paging of what is asked for by name.
func unpaged(maxResults *int32, nextToken *string, named string) error {
	switch {
	case maxResults != nil:
		return invalid("maxResults", "must be left out with %s", named)
	case nextToken != nil:
		return invalid("nextToken", "must be left out with %s", named)
	}
	return nil
}
