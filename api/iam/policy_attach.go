package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func attachBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		AttachUserPolicy.Handle(d.attachUserPolicy, attaching(d, accounts.KindUser, func(in *AttachUserPolicyInput) string { return in.UserName }, func(in *AttachUserPolicyInput) string { return in.PolicyArn })),
		AttachGroupPolicy.Handle(d.attachGroupPolicy, attaching(d, accounts.KindGroup, func(in *AttachGroupPolicyInput) string { return in.GroupName }, func(in *AttachGroupPolicyInput) string { return in.PolicyArn })),
		AttachRolePolicy.Handle(d.attachRolePolicy, attaching(d, accounts.KindRole, func(in *AttachRolePolicyInput) string { return in.RoleName }, func(in *AttachRolePolicyInput) string { return in.PolicyArn })),

		DetachUserPolicy.Handle(d.detachUserPolicy, attaching(d, accounts.KindUser, func(in *DetachUserPolicyInput) string { return in.UserName }, func(in *DetachUserPolicyInput) string { return in.PolicyArn })),
		DetachGroupPolicy.Handle(d.detachGroupPolicy, attaching(d, accounts.KindGroup, func(in *DetachGroupPolicyInput) string { return in.GroupName }, func(in *DetachGroupPolicyInput) string { return in.PolicyArn })),
		DetachRolePolicy.Handle(d.detachRolePolicy, attaching(d, accounts.KindRole, func(in *DetachRolePolicyInput) string { return in.RoleName }, func(in *DetachRolePolicyInput) string { return in.PolicyArn })),

		ListAttachedUserPolicies.Handle(d.listAttachedUserPolicies, on(d.user, func(in *ListAttachedUserPoliciesInput) string { return in.UserName })),
		ListAttachedGroupPolicies.Handle(d.listAttachedGroupPolicies, on(d.group, func(in *ListAttachedGroupPoliciesInput) string { return in.GroupName })),
		ListAttachedRolePolicies.Handle(d.listAttachedRolePolicies, on(d.role, func(in *ListAttachedRolePoliciesInput) string { return in.RoleName })),

		PutUserPermissionsBoundary.Handle(d.putUserPermissionsBoundary, bounding(d, accounts.KindUser, func(in *PutUserPermissionsBoundaryInput) string { return in.UserName }, func(in *PutUserPermissionsBoundaryInput) string { return in.PermissionsBoundary })),
		PutRolePermissionsBoundary.Handle(d.putRolePermissionsBoundary, bounding(d, accounts.KindRole, func(in *PutRolePermissionsBoundaryInput) string { return in.RoleName }, func(in *PutRolePermissionsBoundaryInput) string { return in.PermissionsBoundary })),
		DeleteUserPermissionsBoundary.Handle(d.deleteUserPermissionsBoundary, holding(d, accounts.KindUser, func(in *DeleteUserPermissionsBoundaryInput) string { return in.UserName })),
		DeleteRolePermissionsBoundary.Handle(d.deleteRolePermissionsBoundary, holding(d, accounts.KindRole, func(in *DeleteRolePermissionsBoundaryInput) string { return in.RoleName })),
	}
}

func (d *door) attachUserPolicy(ctx context.Context, in *AttachUserPolicyInput) (*awswire.None, error) {
	return nil, d.control.AttachPolicy(ctx, accountOf(ctx), accounts.KindUser, in.UserName, in.PolicyArn)
}

func (d *door) attachGroupPolicy(ctx context.Context, in *AttachGroupPolicyInput) (*awswire.None, error) {
	return nil, d.control.AttachPolicy(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, in.PolicyArn)
}

func (d *door) attachRolePolicy(ctx context.Context, in *AttachRolePolicyInput) (*awswire.None, error) {
	return nil, d.control.AttachPolicy(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, in.PolicyArn)
}

func (d *door) detachUserPolicy(ctx context.Context, in *DetachUserPolicyInput) (*awswire.None, error) {
	return nil, d.control.DetachPolicy(ctx, accountOf(ctx), accounts.KindUser, in.UserName, in.PolicyArn)
}

func (d *door) detachGroupPolicy(ctx context.Context, in *DetachGroupPolicyInput) (*awswire.None, error) {
	return nil, d.control.DetachPolicy(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, in.PolicyArn)
}

func (d *door) detachRolePolicy(ctx context.Context, in *DetachRolePolicyInput) (*awswire.None, error) {
	return nil, d.control.DetachPolicy(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, in.PolicyArn)
}

func (d *door) listAttachedUserPolicies(ctx context.Context, in *ListAttachedUserPoliciesInput) (*ListAttachedUserPoliciesOutput, error) {
	list, next, err := d.control.AttachedPolicies(ctx, accountOf(ctx), accounts.KindUser, in.UserName, awswire.Or(in.PathPrefix, "/"), pageOf(in.Marker, in.MaxItems))
	out := &ListAttachedUserPoliciesOutput{AttachedPolicies: each(list, attached)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listAttachedGroupPolicies(ctx context.Context, in *ListAttachedGroupPoliciesInput) (*ListAttachedGroupPoliciesOutput, error) {
	list, next, err := d.control.AttachedPolicies(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, awswire.Or(in.PathPrefix, "/"), pageOf(in.Marker, in.MaxItems))
	out := &ListAttachedGroupPoliciesOutput{AttachedPolicies: each(list, attached)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listAttachedRolePolicies(ctx context.Context, in *ListAttachedRolePoliciesInput) (*ListAttachedRolePoliciesOutput, error) {
	list, next, err := d.control.AttachedPolicies(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, awswire.Or(in.PathPrefix, "/"), pageOf(in.Marker, in.MaxItems))
	out := &ListAttachedRolePoliciesOutput{AttachedPolicies: each(list, attached)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func attached(r accounts.PolicyRef) AttachedPolicy {
	return AttachedPolicy{PolicyArn: &r.ARN, PolicyName: &r.Name}
}

func (d *door) putUserPermissionsBoundary(ctx context.Context, in *PutUserPermissionsBoundaryInput) (*awswire.None, error) {
	return nil, d.control.SetBoundary(ctx, accountOf(ctx), accounts.KindUser, in.UserName, in.PermissionsBoundary)
}

func (d *door) putRolePermissionsBoundary(ctx context.Context, in *PutRolePermissionsBoundaryInput) (*awswire.None, error) {
	return nil, d.control.SetBoundary(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, in.PermissionsBoundary)
}

func (d *door) deleteUserPermissionsBoundary(ctx context.Context, in *DeleteUserPermissionsBoundaryInput) (*awswire.None, error) {
	return nil, d.control.DeleteBoundary(ctx, accountOf(ctx), accounts.KindUser, in.UserName)
}

func (d *door) deleteRolePermissionsBoundary(ctx context.Context, in *DeleteRolePermissionsBoundaryInput) (*awswire.None, error) {
	return nil, d.control.DeleteBoundary(ctx, accountOf(ctx), accounts.KindRole, in.RoleName)
}
