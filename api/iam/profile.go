package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func (d *door) createInstanceProfile(ctx context.Context, in *CreateInstanceProfileInput) (*CreateInstanceProfileOutput, error) {
	e, err := d.control.CreateProfile(ctx, accountOf(ctx), in.InstanceProfileName, awswire.Or(in.Path, "/"), roomTags(in.Tags))
	if err != nil {
		return nil, err
	}
	p := profile(accounts.Profile{Entity: e})
	p.Tags = in.Tags
	return &CreateInstanceProfileOutput{InstanceProfile: &p}, nil
}

func (d *door) getInstanceProfile(ctx context.Context, in *GetInstanceProfileInput) (*GetInstanceProfileOutput, error) {
	found, err := d.control.Profile(ctx, accountOf(ctx), in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	tags, _, err := d.control.Tags(ctx, accountOf(ctx), accounts.KindProfile, in.InstanceProfileName, accounts.Page{})
	p := profile(found)
	p.Tags = someTags(tags)
	return &GetInstanceProfileOutput{InstanceProfile: &p}, err
}

func (d *door) listInstanceProfiles(ctx context.Context, in *ListInstanceProfilesInput) (*ListInstanceProfilesOutput, error) {
	list, next, err := d.control.Profiles(ctx, accountOf(ctx), awswire.Or(in.PathPrefix, "/"), pageOf(in.Marker, in.MaxItems))
	out := &ListInstanceProfilesOutput{InstanceProfiles: each(list, profile)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listInstanceProfilesForRole(ctx context.Context, in *ListInstanceProfilesForRoleInput) (*ListInstanceProfilesForRoleOutput, error) {
	list, next, err := d.control.ProfilesOf(ctx, accountOf(ctx), in.RoleName, pageOf(in.Marker, in.MaxItems))
	out := &ListInstanceProfilesForRoleOutput{InstanceProfiles: each(list, profile)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) addRoleToInstanceProfile(ctx context.Context, in *AddRoleToInstanceProfileInput) (*awswire.None, error) {
	return nil, d.control.Fill(ctx, accountOf(ctx), in.InstanceProfileName, in.RoleName)
}

func (d *door) removeRoleFromInstanceProfile(ctx context.Context, in *RemoveRoleFromInstanceProfileInput) (*awswire.None, error) {
	return nil, d.control.Empty(ctx, accountOf(ctx), in.InstanceProfileName, in.RoleName)
}

func (d *door) deleteInstanceProfile(ctx context.Context, in *DeleteInstanceProfileInput) (*awswire.None, error) {
	return nil, d.control.DeleteProfile(ctx, accountOf(ctx), in.InstanceProfileName)
}

func profile(p accounts.Profile) InstanceProfile {
	return InstanceProfile{
		Arn: p.ARN(), CreateDate: toSecond(p.Created), InstanceProfileId: p.ID, InstanceProfileName: p.Name, Path: p.Path, Roles: each(p.Roles, role),
	}
}
