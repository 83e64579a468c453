package ecr

import (
	"context"
	"errors"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/registry"
)

func (d *door) createPullThroughCacheRule(ctx context.Context, in *CreatePullThroughCacheRuleInput) (*CreatePullThroughCacheRuleOutput, error) {
	u, err := d.registry.CreateUpstream(ctx, registry.Upstream{
		Account:        registryOf(ctx, in.RegistryId),
		Prefix:         in.EcrRepositoryPrefix,
		URL:            in.UpstreamRegistryUrl,
		Kind:           string(awswire.Or(in.UpstreamRegistry, "")),
		UpstreamPrefix: awswire.Or(in.UpstreamRepositoryPrefix, ""),
		Credential:     awswire.Or(in.CredentialArn, ""),
		Role:           awswire.Or(in.CustomRoleArn, ""),
	})
	if err != nil {
		return nil, err
	}
	w := wireRule(u)
	return &CreatePullThroughCacheRuleOutput{
		CreatedAt: w.CreatedAt, CredentialArn: w.CredentialArn, CustomRoleArn: w.CustomRoleArn, EcrRepositoryPrefix: w.EcrRepositoryPrefix, RegistryId: w.RegistryId,
		UpstreamRegistry: w.UpstreamRegistry, UpstreamRegistryUrl: w.UpstreamRegistryUrl, UpstreamRepositoryPrefix: w.UpstreamRepositoryPrefix,
	}, nil
}

// registryOf is whose registry a call is about.
func registryOf(ctx context.Context, id *string) string {
	return awswire.Or(id, awswire.CallerOf(ctx).Account)
}

func wireRule(u registry.Upstream) PullThroughCacheRule {
	w := PullThroughCacheRule{
		CreatedAt:                &u.Created,
		CredentialArn:            optional(u.Credential),
		CustomRoleArn:            optional(u.Role),
		EcrRepositoryPrefix:      &u.Prefix,
		RegistryId:               &u.Account,
		UpdatedAt:                &u.Updated,
		UpstreamRegistryUrl:      &u.URL,
		UpstreamRepositoryPrefix: optional(u.UpstreamPrefix),
	}
	if u.Kind != "" {
		w.UpstreamRegistry = new(UpstreamRegistry(u.Kind))
	}
	return w
}

func (d *door) updatePullThroughCacheRule(ctx context.Context, in *UpdatePullThroughCacheRuleInput) (*UpdatePullThroughCacheRuleOutput, error) {
	if in.CredentialArn == nil && in.CustomRoleArn == nil {
		return nil, invalid("credentialArn", "must be given, or customRoleArn")
	}
	u, err := d.registry.ChangeUpstream(ctx, registryOf(ctx, in.RegistryId), in.EcrRepositoryPrefix, in.CredentialArn, in.CustomRoleArn)
	if err != nil {
		return nil, err
	}
	w := wireRule(u)
	return &UpdatePullThroughCacheRuleOutput{
		CredentialArn: w.CredentialArn, CustomRoleArn: w.CustomRoleArn, EcrRepositoryPrefix: w.EcrRepositoryPrefix, RegistryId: w.RegistryId,
		UpdatedAt: w.UpdatedAt, UpstreamRepositoryPrefix: w.UpstreamRepositoryPrefix,
	}, nil
}

func (d *door) deletePullThroughCacheRule(ctx context.Context, in *DeletePullThroughCacheRuleInput) (*DeletePullThroughCacheRuleOutput, error) {
	u, err := d.registry.DeleteUpstream(ctx, registryOf(ctx, in.RegistryId), in.EcrRepositoryPrefix)
	if err != nil {
		return nil, err
	}
	w := wireRule(u)
	return &DeletePullThroughCacheRuleOutput{
		CreatedAt: w.CreatedAt, CredentialArn: w.CredentialArn, CustomRoleArn: w.CustomRoleArn, EcrRepositoryPrefix: w.EcrRepositoryPrefix, RegistryId: w.RegistryId,
		UpstreamRegistryUrl: w.UpstreamRegistryUrl, UpstreamRepositoryPrefix: w.UpstreamRepositoryPrefix,
	}, nil
}

// validatePullThroughCacheRule tries whether the other registry answers as one, and to the login of the rule.
func (d *door) validatePullThroughCacheRule(ctx context.Context, in *ValidatePullThroughCacheRuleInput) (*ValidatePullThroughCacheRuleOutput, error) {
	u, problem, err := d.registry.ValidateUpstream(ctx, registryOf(ctx, in.RegistryId), in.EcrRepositoryPrefix)
	if err != nil {
		return nil, err
	}
	w := wireRule(u)
	out := &ValidatePullThroughCacheRuleOutput{
		CredentialArn: w.CredentialArn, CustomRoleArn: w.CustomRoleArn, EcrRepositoryPrefix: w.EcrRepositoryPrefix, RegistryId: w.RegistryId,
		IsValid: new(problem == nil), UpstreamRegistryUrl: w.UpstreamRegistryUrl, UpstreamRepositoryPrefix: w.UpstreamRepositoryPrefix,
	}
	if problem != nil {
		out.Failure = new(upstreamFailure(problem))
	}
	return out, nil
}

func (d *door) describePullThroughCacheRules(ctx context.Context, in *DescribePullThroughCacheRulesInput) (*DescribePullThroughCacheRulesOutput, error) {
	account := registryOf(ctx, in.RegistryId)
	if len(in.EcrRepositoryPrefixes) > 0 {
		return d.namedRules(ctx, account, in)
	}
	listing := "pull through cache rules of " + account
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.MaxResults)
	found, err := d.registry.Upstreams(ctx, account, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := page.Cut(found, limit, func(u registry.Upstream) string { return u.Prefix })
	out := &DescribePullThroughCacheRulesOutput{NextToken: token(listing, next), PullThroughCacheRules: []PullThroughCacheRule{}}
	for _, u := range found {
		out.PullThroughCacheRules = append(out.PullThroughCacheRules, wireRule(u))
	}
	return out, nil
}

// namedRules answers with all that are asked for, or with the first that is not there.
func (d *door) namedRules(ctx context.Context, account string, in *DescribePullThroughCacheRulesInput) (*DescribePullThroughCacheRulesOutput, error) {
	if err := unpaged(in.MaxResults, in.NextToken, "ecrRepositoryPrefixes"); err != nil {
		return nil, err
	}
	out := &DescribePullThroughCacheRulesOutput{}
	for _, prefix := range in.EcrRepositoryPrefixes {
		u, err := d.registry.Upstream(ctx, account, prefix)
		if err != nil {
			return nil, err
		}
		out.PullThroughCacheRules = append(out.PullThroughCacheRules, wireRule(u))
	}
	return out, nil
}

// upstreamFailure says why another registry cannot be had.
func upstreamFailure(err error) string {
	for _, row := range upstreamFailures {
		if errors.Is(err, row.cause) {
			return row.text
		}
	}
	return "The upstream registry cannot be reached, or does not answer as a registry."
}

var upstreamFailures = []struct {
	cause error
	code  ImageFailureCode
	text  string
}{
	{registry.ErrNoSecret, ImageFailureCodeUpstreamAccessDenied, noSecret},
	{registry.ErrUpstreamDenied, ImageFailureCodeUpstreamAccessDenied, "The upstream registry refuses it with the credentials of the pull through cache rule."},
	{registry.ErrUpstreamBusy, ImageFailureCodeUpstreamTooManyRequests, "The upstream registry is asked too often."},
	{registry.ErrUpstreamDown, ImageFailureCodeUpstreamUnavailable, "The upstream registry cannot be reached, or does not answer as a registry."},
}

const noSecret = "The ARN of the secret specified in the pull through cache rule does not exist. Update the pull through cache rule with a valid secret ARN and try again."

// mayImport asks whether the caller may have images brought here to pull them.
func (d *door) mayImport(ctx context.Context, t target) registry.Permit {
	return func(create bool) error {
		if err := d.require(ctx, t, "ecr:BatchImportUpstreamImage"); err != nil || !create {
			return err
		}
		made, _, err := d.registry.HasTemplate(ctx, t.account, t.repository, registry.UsePullThrough)
		if err != nil {
			return err
		}
		return d.mayCreate(ctx, t, made)
	}
}

func (d *door) mayCreate(ctx context.Context, t target, made registry.Template) error {
	if err := d.require(ctx, t, "ecr:CreateRepository"); err != nil || len(made.Labels) == 0 {
		return err
	}
	return d.require(ctx, t, "ecr:TagResource")
}

func (d *door) require(ctx context.Context, t target, action string) error {
	ask := d.ask(t)
	ask.Action = action
	return awswire.Require(ctx, ask)
}

// pulled reads manifests for a pull, from another registry where a rule says so.
func (d *door) pulled(ctx context.Context, t target, ids []registry.ImageID) (found []registry.Found, failed []registry.Failure, err error) {
	ctx = d.registry.Puller(ctx, t.account, awswire.CallerOf(ctx).ARN)
	ruled, err := d.registry.HasUpstream(ctx, t.account, t.repository)
	if err != nil || !ruled {
		if err == nil {
			found, failed, err = d.registry.Manifests(ctx, t.account, t.repository, ids)
		}
		return found, failed, err
	}
	for _, id := range ids {
		m, err := d.registry.Pull(ctx, t.account, t.repository, id, d.mayImport(ctx, t))
		switch {
		case err == nil:
			found = append(found, registry.Found{ID: id, Manifest: m})
		case isFailure(err):
			failed = append(failed, registry.Failure{ID: id, Err: err})
		default:
			return nil, nil, err
		}
	}
	return found, failed, nil
}

// isFailure reports whether an error is about one image of several.
func isFailure(err error) bool {
	for _, cause := range []error{
		registry.ErrNoImage, registry.ErrTagMismatch, registry.ErrMarked, registry.ErrArchived,
		registry.ErrNoSecret, registry.ErrUpstreamDenied, registry.ErrUpstreamBusy, registry.ErrUpstreamDown,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// createOnPush makes the repository that an upload is for, and reports whether it did.
func (d *door) createOnPush(ctx context.Context, t target) (bool, error) {
	made, found, err := d.registry.HasTemplate(ctx, t.account, t.repository, registry.UseCreateOnPush)
	if err != nil || !found {
		return false, err
	}
	if err := d.mayCreate(ctx, t, made); err != nil {
		return false, err
	}
	_, err = d.registry.Provide(ctx, t.account, t.repository, registry.UseCreateOnPush)
	return err == nil, err
}
