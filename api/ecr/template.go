package ecr

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/registry"
)

func (d *door) createRepositoryCreationTemplate(ctx context.Context, in *CreateRepositoryCreationTemplateInput) (*CreateRepositoryCreationTemplateOutput, error) {
	t := registry.Template{Account: awswire.CallerOf(ctx).Account, Prefix: in.Prefix}
	if err := patchOf(in).apply(&t); err != nil {
		return nil, err
	}
	made, err := d.registry.CreateTemplate(ctx, t)
	if err != nil {
		return nil, err
	}
	return &CreateRepositoryCreationTemplateOutput{RegistryId: &made.Account, RepositoryCreationTemplate: new(d.wireTemplate(made))}, nil
}

func (d *door) updateRepositoryCreationTemplate(ctx context.Context, in *UpdateRepositoryCreationTemplateInput) (*UpdateRepositoryCreationTemplateOutput, error) {
	changed, err := d.registry.ChangeTemplate(ctx, awswire.CallerOf(ctx).Account, in.Prefix, templatePatch(*in).apply)
	if err != nil {
		return nil, err
	}
	return &UpdateRepositoryCreationTemplateOutput{RegistryId: &changed.Account, RepositoryCreationTemplate: new(d.wireTemplate(changed))}, nil
}

func (d *door) deleteRepositoryCreationTemplate(ctx context.Context, in *DeleteRepositoryCreationTemplateInput) (*DeleteRepositoryCreationTemplateOutput, error) {
	gone, err := d.registry.DeleteTemplate(ctx, awswire.CallerOf(ctx).Account, in.Prefix)
	if err != nil {
		return nil, err
	}
	return &DeleteRepositoryCreationTemplateOutput{RegistryId: &gone.Account, RepositoryCreationTemplate: new(d.wireTemplate(gone))}, nil
}

func (d *door) describeRepositoryCreationTemplates(ctx context.Context, in *DescribeRepositoryCreationTemplatesInput) (*DescribeRepositoryCreationTemplatesOutput, error) {
	account := awswire.CallerOf(ctx).Account
	if len(in.Prefixes) > 0 {
		return d.namedTemplates(ctx, account, in)
	}
	listing := "repository creation templates of " + account
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.MaxResults)
	found, err := d.registry.Templates(ctx, account, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := page.Cut(found, limit, func(t registry.Template) string { return t.Prefix })
	return &DescribeRepositoryCreationTemplatesOutput{
		NextToken: token(listing, next), RegistryId: &account, RepositoryCreationTemplates: d.wireTemplates(found),
	}, nil
}

// maxPrefixes is how many templates can be asked for by name.
const maxPrefixes = 100

// namedTemplates answers with those of the templates that are there.
func (d *door) namedTemplates(ctx context.Context, account string, in *DescribeRepositoryCreationTemplatesInput) (*DescribeRepositoryCreationTemplatesOutput, error) {
	if err := unpaged(in.MaxResults, in.NextToken, "prefixes"); err != nil {
		return nil, err
	}
	if len(in.Prefixes) > maxPrefixes {
		return nil, invalid("prefixes", "must have at most %d", maxPrefixes)
	}
	var found []registry.Template
	for _, prefix := range in.Prefixes {
		t, err := d.registry.Template(ctx, account, prefix)
		if errors.Is(err, registry.ErrNoTemplate) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, t)
	}
	return &DescribeRepositoryCreationTemplatesOutput{RegistryId: &account, RepositoryCreationTemplates: d.wireTemplates(found)}, nil
}

// templatePatch is what a call says of a template; what it leaves out stays.
type templatePatch UpdateRepositoryCreationTemplateInput

func patchOf(in *CreateRepositoryCreationTemplateInput) templatePatch {
	return templatePatch{
		AppliedFor: in.AppliedFor, CustomRoleArn: in.CustomRoleArn, Description: in.Description, EncryptionConfiguration: in.EncryptionConfiguration,
		ImageTagMutability: in.ImageTagMutability, ImageTagMutabilityExclusionFilters: in.ImageTagMutabilityExclusionFilters,
		LifecyclePolicy: in.LifecyclePolicy, Prefix: in.Prefix, RepositoryPolicy: in.RepositoryPolicy, ResourceTags: in.ResourceTags,
	}
}

func (p templatePatch) apply(t *registry.Template) error {
	if e := p.EncryptionConfiguration; e != nil {
		sealed, err := checkEncryption(e.EncryptionType, optional(awswire.Or(e.KmsKey, "")))
		if err != nil {
			return err
		}
		if t.KeyID = ""; sealed {
			t.SealWith(awswire.Or(e.KmsKey, ""))
		}
	}
	if p.AppliedFor != nil {
		t.Uses = make([]registry.Use, len(p.AppliedFor))
		for i, use := range p.AppliedFor {
			t.Uses[i] = registry.Use(use)
		}
	}
	if p.ResourceTags != nil {
		labels, err := labelsOf(p.ResourceTags)
		if err != nil {
			return err
		}
		t.Labels = labels
	}
	t.Description = awswire.Or(p.Description, t.Description)
	t.Policy = awswire.Or(p.RepositoryPolicy, t.Policy)
	t.Lifecycle = awswire.Or(p.LifecyclePolicy, t.Lifecycle)
	t.Role = awswire.Or(p.CustomRoleArn, t.Role)
	return p.applyMutability(t)
}

// applyMutability reads the mode together with its filters, which mean nothing without it.
func (p templatePatch) applyMutability(t *registry.Template) (err error) {
	if p.ImageTagMutability == nil && p.ImageTagMutabilityExclusionFilters == nil {
		return nil
	}
	now, kept := wireMutability(t.Mutability)
	mode, filters := awswire.Or(p.ImageTagMutability, now), p.ImageTagMutabilityExclusionFilters
	if filters == nil && mode == now {
		filters = kept
	}
	t.Mutability, err = mutabilityOf(mode, filters)
	return err
}

func (d *door) wireTemplates(found []registry.Template) []RepositoryCreationTemplate {
	wire := make([]RepositoryCreationTemplate, len(found))
	for i, t := range found {
		wire[i] = d.wireTemplate(t)
	}
	return wire
}

func (d *door) wireTemplate(t registry.Template) RepositoryCreationTemplate {
	mode, filters := wireMutability(t.Mutability)
	encryption := d.wireEncryption(t.Account, t.KeyID)
	uses := make([]RCTAppliedFor, len(t.Uses))
	for i, use := range t.Uses {
		uses[i] = RCTAppliedFor(use)
	}
	return RepositoryCreationTemplate{
		AppliedFor:                         uses,
		CreatedAt:                          &t.Created,
		CustomRoleArn:                      optional(t.Role),
		Description:                        optional(t.Description),
		EncryptionConfiguration:            (*EncryptionConfigurationForRepositoryCreationTemplate)(&encryption),
		ImageTagMutability:                 &mode,
		ImageTagMutabilityExclusionFilters: filters,
		LifecyclePolicy:                    optional(t.Lifecycle),
		Prefix:                             &t.Prefix,
		RepositoryPolicy:                   optional(t.Policy),
		ResourceTags:                       wireTags(t.Labels),
		UpdatedAt:                          &t.Updated,
	}
}

// wireTags writes labels by their names.
func wireTags(labels map[string]string) []Tag {
	tags := make([]Tag, 0, len(labels))
	for key, value := range labels {
		tags = append(tags, Tag{key, value})
	}
	slices.SortFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	return tags
}
