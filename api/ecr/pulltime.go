package ecr

import (
	"context"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/registry"
)

func (d *door) registerPullTimeUpdateExclusion(ctx context.Context, in *RegisterPullTimeUpdateExclusionInput) (*RegisterPullTimeUpdateExclusionOutput, error) {
	made, err := d.registry.ExcludePuller(ctx, awswire.CallerOf(ctx).Account, in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	return &RegisterPullTimeUpdateExclusionOutput{CreatedAt: &made.Created, PrincipalArn: &made.Principal}, nil
}

func (d *door) deregisterPullTimeUpdateExclusion(ctx context.Context, in *DeregisterPullTimeUpdateExclusionInput) (*DeregisterPullTimeUpdateExclusionOutput, error) {
	if err := d.registry.IncludePuller(ctx, awswire.CallerOf(ctx).Account, in.PrincipalArn); err != nil {
		return nil, err
	}
	return &DeregisterPullTimeUpdateExclusionOutput{PrincipalArn: &in.PrincipalArn}, nil
}

func (d *door) listPullTimeUpdateExclusions(ctx context.Context, in *ListPullTimeUpdateExclusionsInput) (*ListPullTimeUpdateExclusionsOutput, error) {
	account := awswire.CallerOf(ctx).Account
	listing := "pull time exclusions of " + account
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.MaxResults)
	found, err := d.registry.Exclusions(ctx, account, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := page.Cut(found, limit, func(e registry.Exclusion) string { return e.Principal })
	principals := make([]string, len(found))
	for i, e := range found {
		principals[i] = e.Principal
	}
	return &ListPullTimeUpdateExclusionsOutput{NextToken: token(listing, next), PullTimeUpdateExclusions: principals}, nil
}
