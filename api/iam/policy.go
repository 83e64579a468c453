package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func policyBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreatePolicy.Handle(d.createPolicy, d.onCreatePolicy),
		GetPolicy.Handle(d.getPolicy, on(d.policy, func(in *GetPolicyInput) string { return in.PolicyArn })),
		ListPolicies.Handle(d.listPolicies, awswire.Any),
		DeletePolicy.Handle(d.deletePolicy, on(d.policy, func(in *DeletePolicyInput) string { return in.PolicyArn })),
		ListEntitiesForPolicy.Handle(d.listEntitiesForPolicy, on(d.policy, func(in *ListEntitiesForPolicyInput) string { return in.PolicyArn })),

		CreatePolicyVersion.Handle(d.createPolicyVersion, on(d.policy, func(in *CreatePolicyVersionInput) string { return in.PolicyArn })),
		GetPolicyVersion.Handle(d.getPolicyVersion, on(d.policy, func(in *GetPolicyVersionInput) string { return in.PolicyArn })),
		ListPolicyVersions.Handle(d.listPolicyVersions, on(d.policy, func(in *ListPolicyVersionsInput) string { return in.PolicyArn })),
		SetDefaultPolicyVersion.Handle(d.setDefaultPolicyVersion, on(d.policy, func(in *SetDefaultPolicyVersionInput) string { return in.PolicyArn })),
		DeletePolicyVersion.Handle(d.deletePolicyVersion, on(d.policy, func(in *DeletePolicyVersionInput) string { return in.PolicyArn })),
	}
}

func (d *door) createPolicy(ctx context.Context, in *CreatePolicyInput) (*CreatePolicyOutput, error) {
	p, err := d.control.CreatePolicy(ctx, accountOf(ctx), accounts.NewPolicy{
		Name: in.PolicyName, Path: awswire.Or(in.Path, "/"), Description: awswire.Or(in.Description, ""),
		Document: in.PolicyDocument, Tags: roomTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &CreatePolicyOutput{Policy: new(policyInFull(p))}, nil
}

func (d *door) getPolicy(ctx context.Context, in *GetPolicyInput) (*GetPolicyOutput, error) {
	p, err := d.control.Policy(ctx, accountOf(ctx), in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &GetPolicyOutput{Policy: new(policyInFull(p))}, nil
}

func (d *door) listPolicies(ctx context.Context, in *ListPoliciesInput) (*ListPoliciesOutput, error) {
	scope := awswire.Or(in.Scope, PolicyScopeTypeAll)
	list, next, err := d.control.Policies(ctx, accountOf(ctx), accounts.PolicyQuery{
		NoOwn: scope == PolicyScopeTypeAws, NoAWS: scope == PolicyScopeTypeLocal, OnlyAttached: awswire.Or(in.OnlyAttached, false),
		Usage: usage(in.PolicyUsageFilter), Prefix: awswire.Or(in.PathPrefix, "/"),
	}, pageOf(in.Marker, in.MaxItems))
	out := &ListPoliciesOutput{Policies: each(list, policy)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) deletePolicy(ctx context.Context, in *DeletePolicyInput) (*awswire.None, error) {
	return nil, d.control.DeletePolicy(ctx, accountOf(ctx), in.PolicyArn)
}

// listEntitiesForPolicy finds no policies: those are no entities that could have one.
func (d *door) listEntitiesForPolicy(ctx context.Context, in *ListEntitiesForPolicyInput) (*ListEntitiesForPolicyOutput, error) {
	q := accounts.HolderQuery{Usage: usage(in.PolicyUsageFilter), Prefix: awswire.Or(in.PathPrefix, "/")}
	if in.EntityFilter != nil {
		q.Kind = entityKinds[*in.EntityFilter]
	}
	list, next, err := d.control.PolicyHolders(ctx, accountOf(ctx), in.PolicyArn, q, pageOf(in.Marker, in.MaxItems))
	out := &ListEntitiesForPolicyOutput{PolicyGroups: []PolicyGroup{}, PolicyRoles: []PolicyRole{}, PolicyUsers: []PolicyUser{}}
	for _, e := range list {
		switch e.Kind {
		case accounts.KindGroup:
			out.PolicyGroups = append(out.PolicyGroups, PolicyGroup{GroupId: &e.ID, GroupName: &e.Name})
		case accounts.KindRole:
			out.PolicyRoles = append(out.PolicyRoles, PolicyRole{RoleId: &e.ID, RoleName: &e.Name})
		case accounts.KindUser:
			out.PolicyUsers = append(out.PolicyUsers, PolicyUser{UserId: &e.ID, UserName: &e.Name})
		}
	}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

var entityKinds = map[EntityType]accounts.Kind{
	EntityTypeUser: accounts.KindUser, EntityTypeGroup: accounts.KindGroup, EntityTypeRole: accounts.KindRole,
	EntityTypeLocalManagedPolicy: accounts.KindPolicy, EntityTypeAWSManagedPolicy: accounts.KindPolicy,
}

func usage(filter *PolicyUsageType) accounts.Usage {
	switch awswire.Or(filter, "") {
	case PolicyUsageTypePermissionsPolicy:
		return accounts.Permission
	case PolicyUsageTypePermissionsBoundary:
		return accounts.Boundary
	}
	return accounts.AnyUsage
}

func (d *door) createPolicyVersion(ctx context.Context, in *CreatePolicyVersionInput) (*CreatePolicyVersionOutput, error) {
	v, err := d.control.CreatePolicyVersion(ctx, accountOf(ctx), in.PolicyArn, in.PolicyDocument, awswire.Or(in.SetAsDefault, false))
	if err != nil {
		return nil, err
	}
	return &CreatePolicyVersionOutput{PolicyVersion: new(version(v))}, nil
}

func (d *door) getPolicyVersion(ctx context.Context, in *GetPolicyVersionInput) (*GetPolicyVersionOutput, error) {
	v, err := d.control.PolicyVersion(ctx, accountOf(ctx), in.PolicyArn, in.VersionId)
	if err != nil {
		return nil, err
	}
	return &GetPolicyVersionOutput{PolicyVersion: new(versionInFull(v))}, nil
}

func (d *door) listPolicyVersions(ctx context.Context, in *ListPolicyVersionsInput) (*ListPolicyVersionsOutput, error) {
	list, next, err := d.control.PolicyVersions(ctx, accountOf(ctx), in.PolicyArn, pageOf(in.Marker, in.MaxItems))
	out := &ListPolicyVersionsOutput{Versions: each(list, version)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) setDefaultPolicyVersion(ctx context.Context, in *SetDefaultPolicyVersionInput) (*awswire.None, error) {
	return nil, d.control.SetDefaultVersion(ctx, accountOf(ctx), in.PolicyArn, in.VersionId)
}

func (d *door) deletePolicyVersion(ctx context.Context, in *DeletePolicyVersionInput) (*awswire.None, error) {
	return nil, d.control.DeletePolicyVersion(ctx, accountOf(ctx), in.PolicyArn, in.VersionId)
}

// policy is a managed policy as lists have it: without description and tags.
func policy(p accounts.ManagedPolicy) Policy {
	return Policy{
		Arn: new(p.ARN()), AttachmentCount: new(int32(p.Attached)), CreateDate: new(toSecond(p.Created)), DefaultVersionId: new(accounts.VersionID(p.Default)),
		IsAttachable: new(true), Path: &p.Path, PermissionsBoundaryUsageCount: new(int32(p.Bounds)), PolicyId: &p.ID, PolicyName: &p.Name,
		UpdateDate: new(toSecond(p.Updated)),
	}
}

func policyInFull(p accounts.ManagedPolicy) Policy {
	full := policy(p)
	full.Tags = wireTags(p.Tags)
	if p.Description != "" {
		full.Description = &p.Description
	}
	return full
}

// version is a version of a policy as lists have it: without its document.
func version(v accounts.PolicyVersion) PolicyVersion {
	return PolicyVersion{CreateDate: new(toSecond(v.Created)), IsDefaultVersion: &v.Default, VersionId: new(v.ID())}
}

func versionInFull(v accounts.PolicyVersion) PolicyVersion {
	full := version(v)
	full.Document = new(encoded(v.Document))
	return full
}
