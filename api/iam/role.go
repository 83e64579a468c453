package iam

import (
	"context"
	"time"

	"slipway/accounts"
	"slipway/api/awswire"
)

func (d *door) createRole(ctx context.Context, in *CreateRoleInput) (*CreateRoleOutput, error) {
	e, err := d.control.CreateRole(ctx, accountOf(ctx), accounts.NewRole{
		Name: in.RoleName, Path: awswire.Or(in.Path, "/"), Description: awswire.Or(in.Description, ""), Trust: in.AssumeRolePolicyDocument,
		MaxSession: seconds(awswire.Or(in.MaxSessionDuration, 0)), Boundary: awswire.Or(in.PermissionsBoundary, ""), Tags: roomTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &CreateRoleOutput{Role: new(roleInFull(e, in.Tags))}, nil
}

func (d *door) getRole(ctx context.Context, in *GetRoleInput) (*GetRoleOutput, error) {
	e, err := d.control.Role(ctx, accountOf(ctx), in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, _, err := d.control.Tags(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, accounts.Page{})
	r := roleInFull(e, someTags(tags))
	r.RoleLastUsed = lastUsed(e)
	return &GetRoleOutput{Role: &r}, err
}

func (d *door) listRoles(ctx context.Context, in *ListRolesInput) (*ListRolesOutput, error) {
	list, next, err := d.control.Entities(ctx, accountOf(ctx), accounts.KindRole, awswire.Or(in.PathPrefix, "/"), pageOf(in.Marker, in.MaxItems))
	out := &ListRolesOutput{Roles: each(list, role)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

// updateRole sets the description and the longest session; what is not given goes back to what a
// new role has. Source: IAM API Reference, UpdateRole: "MaxSessionDuration ... If you do not
// specify a value for this setting, the default value of one hour is applied".
func (d *door) updateRole(ctx context.Context, in *UpdateRoleInput) (*UpdateRoleOutput, error) {
	return nil, d.control.ChangeRole(ctx, accountOf(ctx), in.RoleName, accounts.RoleChange{
		Description: in.Description, MaxSession: new(seconds(awswire.Or(in.MaxSessionDuration, 3600))),
	})
}

func (d *door) updateRoleDescription(ctx context.Context, in *UpdateRoleDescriptionInput) (*UpdateRoleDescriptionOutput, error) {
	if err := d.control.ChangeRole(ctx, accountOf(ctx), in.RoleName, accounts.RoleChange{Description: &in.Description}); err != nil {
		return nil, err
	}
	e, err := d.control.Role(ctx, accountOf(ctx), in.RoleName)
	return &UpdateRoleDescriptionOutput{Role: new(role(e))}, err
}

func (d *door) updateAssumeRolePolicy(ctx context.Context, in *UpdateAssumeRolePolicyInput) (*awswire.None, error) {
	return nil, d.control.ChangeRole(ctx, accountOf(ctx), in.RoleName, accounts.RoleChange{Trust: &in.PolicyDocument})
}

func (d *door) deleteRole(ctx context.Context, in *DeleteRoleInput) (*awswire.None, error) {
	return nil, d.control.DeleteRole(ctx, accountOf(ctx), in.RoleName)
}

// role is a role as lists have it: without tags, boundary and last use.
func role(e accounts.Entity) Role {
	r := Role{
		Arn: e.ARN(), AssumeRolePolicyDocument: new(encoded(e.Trust)), CreateDate: toSecond(e.Created),
		MaxSessionDuration: new(int32(e.MaxSession / time.Second)), Path: e.Path, RoleId: e.ID, RoleName: e.Name,
	}
	if e.Description != "" {
		r.Description = &e.Description
	}
	return r
}

func roleInFull(e accounts.Entity, tags []Tag) Role {
	r := role(e)
	r.PermissionsBoundary, r.Tags = boundary(e), tags
	return r
}

// lastUsed is there even for a role that never was.
func lastUsed(e accounts.Entity) *RoleLastUsed {
	if e.LastUsed.IsZero() {
		return &RoleLastUsed{}
	}
	return &RoleLastUsed{LastUsedDate: new(toSecond(e.LastUsed)), Region: &e.LastRegion}
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
