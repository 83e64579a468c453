package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func inlineBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		PutUserPolicy.Handle(d.putUserPolicy, holding(d, accounts.KindUser, func(in *PutUserPolicyInput) string { return in.UserName })),
		PutGroupPolicy.Handle(d.putGroupPolicy, holding(d, accounts.KindGroup, func(in *PutGroupPolicyInput) string { return in.GroupName })),
		PutRolePolicy.Handle(d.putRolePolicy, holding(d, accounts.KindRole, func(in *PutRolePolicyInput) string { return in.RoleName })),

		GetUserPolicy.Handle(d.getUserPolicy, on(d.user, func(in *GetUserPolicyInput) string { return in.UserName })),
		GetGroupPolicy.Handle(d.getGroupPolicy, on(d.group, func(in *GetGroupPolicyInput) string { return in.GroupName })),
		GetRolePolicy.Handle(d.getRolePolicy, on(d.role, func(in *GetRolePolicyInput) string { return in.RoleName })),

		ListUserPolicies.Handle(d.listUserPolicies, on(d.user, func(in *ListUserPoliciesInput) string { return in.UserName })),
		ListGroupPolicies.Handle(d.listGroupPolicies, on(d.group, func(in *ListGroupPoliciesInput) string { return in.GroupName })),
		ListRolePolicies.Handle(d.listRolePolicies, on(d.role, func(in *ListRolePoliciesInput) string { return in.RoleName })),

		DeleteUserPolicy.Handle(d.deleteUserPolicy, holding(d, accounts.KindUser, func(in *DeleteUserPolicyInput) string { return in.UserName })),
		DeleteGroupPolicy.Handle(d.deleteGroupPolicy, holding(d, accounts.KindGroup, func(in *DeleteGroupPolicyInput) string { return in.GroupName })),
		DeleteRolePolicy.Handle(d.deleteRolePolicy, holding(d, accounts.KindRole, func(in *DeleteRolePolicyInput) string { return in.RoleName })),
	}
}

func (d *door) putUserPolicy(ctx context.Context, in *PutUserPolicyInput) (*awswire.None, error) {
	return nil, d.control.PutInline(ctx, accountOf(ctx), accounts.KindUser, in.UserName, accounts.InlinePolicy{Name: in.PolicyName, Document: in.PolicyDocument})
}

func (d *door) putGroupPolicy(ctx context.Context, in *PutGroupPolicyInput) (*awswire.None, error) {
	return nil, d.control.PutInline(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, accounts.InlinePolicy{Name: in.PolicyName, Document: in.PolicyDocument})
}

func (d *door) putRolePolicy(ctx context.Context, in *PutRolePolicyInput) (*awswire.None, error) {
	return nil, d.control.PutInline(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, accounts.InlinePolicy{Name: in.PolicyName, Document: in.PolicyDocument})
}

func (d *door) getUserPolicy(ctx context.Context, in *GetUserPolicyInput) (*GetUserPolicyOutput, error) {
	p, err := d.control.Inline(ctx, accountOf(ctx), accounts.KindUser, in.UserName, in.PolicyName)
	return &GetUserPolicyOutput{UserName: in.UserName, PolicyName: p.Name, PolicyDocument: encoded(p.Document)}, err
}

func (d *door) getGroupPolicy(ctx context.Context, in *GetGroupPolicyInput) (*GetGroupPolicyOutput, error) {
	p, err := d.control.Inline(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, in.PolicyName)
	return &GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: p.Name, PolicyDocument: encoded(p.Document)}, err
}

func (d *door) getRolePolicy(ctx context.Context, in *GetRolePolicyInput) (*GetRolePolicyOutput, error) {
	p, err := d.control.Inline(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, in.PolicyName)
	return &GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: p.Name, PolicyDocument: encoded(p.Document)}, err
}

func (d *door) listUserPolicies(ctx context.Context, in *ListUserPoliciesInput) (*ListUserPoliciesOutput, error) {
	names, next, err := d.control.InlineNames(ctx, accountOf(ctx), accounts.KindUser, in.UserName, pageOf(in.Marker, in.MaxItems))
	out := &ListUserPoliciesOutput{PolicyNames: names}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listGroupPolicies(ctx context.Context, in *ListGroupPoliciesInput) (*ListGroupPoliciesOutput, error) {
	names, next, err := d.control.InlineNames(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, pageOf(in.Marker, in.MaxItems))
	out := &ListGroupPoliciesOutput{PolicyNames: names}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listRolePolicies(ctx context.Context, in *ListRolePoliciesInput) (*ListRolePoliciesOutput, error) {
	names, next, err := d.control.InlineNames(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, pageOf(in.Marker, in.MaxItems))
	out := &ListRolePoliciesOutput{PolicyNames: names}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) deleteUserPolicy(ctx context.Context, in *DeleteUserPolicyInput) (*awswire.None, error) {
	return nil, d.control.DeleteInline(ctx, accountOf(ctx), accounts.KindUser, in.UserName, in.PolicyName)
}

func (d *door) deleteGroupPolicy(ctx context.Context, in *DeleteGroupPolicyInput) (*awswire.None, error) {
	return nil, d.control.DeleteInline(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, in.PolicyName)
}

func (d *door) deleteRolePolicy(ctx context.Context, in *DeleteRolePolicyInput) (*awswire.None, error) {
	return nil, d.control.DeleteInline(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, in.PolicyName)
}
