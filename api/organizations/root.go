package organizations

import (
	"context"
	"errors"

	"slipway/accounts"
	"slipway/api/awswire"
)

// The organization has one root, and no units: every account is right under it.

func (d *door) listRoots(context.Context, *ListRootsInput) (*ListRootsOutput, error) {
	o, err := d.room.Organization()
	if err != nil {
		return nil, err
	}
	root := Root{Id: new(o.Root()), Arn: new(o.RootARN()), Name: new("Root"), PolicyTypes: []PolicyTypeSummary{}}
	return &ListRootsOutput{Roots: []Root{root}}, nil
}

func (d *door) onListParents(_ context.Context, in *ListParentsInput) []awswire.Ask {
	return d.on(in.ChildId)
}

func (d *door) listParents(ctx context.Context, in *ListParentsInput) (*ListParentsOutput, error) {
	o, _, err := d.member(ctx, in.ChildId)
	if errors.Is(err, accounts.ErrNoAccount) {
		return nil, ChildNotFoundException.New("You specified a child that doesn't exist.")
	}
	if err != nil {
		return nil, err
	}
	return &ListParentsOutput{Parents: []Parent{{Id: new(o.Root()), Type: new(ParentTypeRoot)}}}, nil
}

func (d *door) onListTagsForResource(_ context.Context, in *ListTagsForResourceInput) []awswire.Ask {
	o, err := d.room.Organization()
	if err == nil && in.ResourceId == o.Root() {
		return awswire.On(o.RootARN())
	}
	return d.on(in.ResourceId)
}

// listTagsForResource lists nothing: accounts have no tags.
func (d *door) listTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	o, _, err := d.member(ctx, in.ResourceId)
	switch missing := errors.Is(err, accounts.ErrNoAccount); {
	case missing && in.ResourceId != o.Root():
		return nil, TargetNotFoundException.New("You specified a target that doesn't exist.")
	case err != nil && !missing:
		return nil, err
	}
	return &ListTagsForResourceOutput{Tags: []Tag{}}, nil
}

// member returns the organization and one of its accounts, or accounts.ErrNoAccount.
func (d *door) member(ctx context.Context, id string) (o accounts.Organization, a accounts.Account, err error) {
	if o, err = d.room.Organization(); err != nil {
		return o, a, err
	}
	a, err = d.room.Account(ctx, id)
	if err == nil && a.State == accounts.StateGone {
		err = accounts.ErrNoAccount
	}
	return o, a, err
}

// listServiceAccess lists nothing: no service works in accounts of the organization by itself.
func listServiceAccess(context.Context, *ListAWSServiceAccessForOrganizationInput) (*ListAWSServiceAccessForOrganizationOutput, error) {
	return &ListAWSServiceAccessForOrganizationOutput{EnabledServicePrincipals: []EnabledServicePrincipal{}}, nil
}
