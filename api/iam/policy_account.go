package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func overviewBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		GetAccountSummary.Handle(d.getAccountSummary, awswire.Any),
		GetAccountAuthorizationDetails.Handle(d.getAccountAuthorizationDetails, awswire.Any),
	}
}

// quotas are those of an account that has asked for no more. Source: IAM User Guide, "IAM and AWS
// STS quotas".
var quotas = map[SummaryKeyType]int{
	SummaryKeyTypeUsersQuota:                      accounts.KindUser.Quota(),
	SummaryKeyTypeGroupsQuota:                     accounts.KindGroup.Quota(),
	SummaryKeyTypeRolesQuota:                      accounts.KindRole.Quota(),
	SummaryKeyTypeInstanceProfilesQuota:           accounts.KindProfile.Quota(),
	SummaryKeyTypePoliciesQuota:                   accounts.KindPolicy.Quota(),
	SummaryKeyTypePolicySizeQuota:                 accounts.ManagedSize,
	SummaryKeyTypeUserPolicySizeQuota:             accounts.UserSize,
	SummaryKeyTypeGroupPolicySizeQuota:            accounts.GroupSize,
	SummaryKeyTypeRolePolicySizeQuota:             accounts.RoleSize,
	SummaryKeyTypeAssumeRolePolicySizeQuota:       2048,
	SummaryKeyTypeAttachedPoliciesPerUserQuota:    accounts.MaxAttached,
	SummaryKeyTypeAttachedPoliciesPerGroupQuota:   accounts.MaxAttached,
	SummaryKeyTypeAttachedPoliciesPerRoleQuota:    accounts.MaxAttached,
	SummaryKeyTypeVersionsPerPolicyQuota:          accounts.MaxVersions,
	SummaryKeyTypePolicyVersionsInUseQuota:        10000,
	SummaryKeyTypeGroupsPerUserQuota:              10,
	SummaryKeyTypeAccessKeysPerUserQuota:          2,
	SummaryKeyTypeSigningCertificatesPerUserQuota: 2,
	SummaryKeyTypeServerCertificatesQuota:         20,
}

// getAccountSummary has every key of AWS's answer; of what Slipway does not have there is nothing.
func (d *door) getAccountSummary(ctx context.Context, _ *GetAccountSummaryInput) (*GetAccountSummaryOutput, error) {
	s, err := d.control.Summary(ctx, accountOf(ctx))
	if err != nil {
		return nil, err
	}
	counts := map[SummaryKeyType]int32{}
	for _, key := range SummaryKeyType("").Values() {
		counts[SummaryKeyType(key)] = int32(quotas[SummaryKeyType(key)])
	}
	counts[SummaryKeyTypeUsers] = int32(s.Entities[accounts.KindUser])
	counts[SummaryKeyTypeGroups] = int32(s.Entities[accounts.KindGroup])
	counts[SummaryKeyTypeRoles] = int32(s.Entities[accounts.KindRole])
	counts[SummaryKeyTypeInstanceProfiles] = int32(s.Entities[accounts.KindProfile])
	counts[SummaryKeyTypePolicies] = int32(s.Entities[accounts.KindPolicy])
	counts[SummaryKeyTypePolicyVersionsInUse] = int32(s.Versions)
	counts[SummaryKeyTypeAccountAccessKeysPresent] = int32(min(s.RootKeys, 1))
	counts[SummaryKeyTypeGlobalEndpointTokenVersion] = 1
	return &GetAccountSummaryOutput{SummaryMap: counts}, nil
}

func (d *door) getAccountAuthorizationDetails(ctx context.Context, in *GetAccountAuthorizationDetailsInput) (*GetAccountAuthorizationDetailsOutput, error) {
	list, next, err := d.control.AccountDetails(ctx, accountOf(ctx), detailQuery(in.Filter), pageOf(in.Marker, in.MaxItems))
	out := &GetAccountAuthorizationDetailsOutput{
		UserDetailList: []UserDetail{}, GroupDetailList: []GroupDetail{}, RoleDetailList: []RoleDetail{}, Policies: []ManagedPolicyDetail{},
	}
	for _, e := range list {
		switch e.Kind {
		case accounts.KindUser:
			out.UserDetailList = append(out.UserDetailList, userDetail(e))
		case accounts.KindGroup:
			out.GroupDetailList = append(out.GroupDetailList, groupDetail(e))
		case accounts.KindRole:
			out.RoleDetailList = append(out.RoleDetailList, roleDetail(e))
		case accounts.KindPolicy:
			out.Policies = append(out.Policies, policyDetail(e))
		}
	}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func detailQuery(filter []EntityType) (q accounts.DetailQuery) {
	for _, wanted := range filter {
		switch wanted {
		case EntityTypeUser:
			q.Users = true
		case EntityTypeGroup:
			q.Groups = true
		case EntityTypeRole:
			q.Roles = true
		case EntityTypeLocalManagedPolicy:
			q.Own = true
		case EntityTypeAWSManagedPolicy:
			q.AWS = true
		}
	}
	return q
}

func userDetail(d accounts.Detail) UserDetail {
	groups := d.Groups
	if groups == nil {
		groups = []string{}
	}
	return UserDetail{
		Arn: new(d.ARN()), CreateDate: new(toSecond(d.Created)), Path: &d.Path, UserId: &d.ID, UserName: &d.Name, Tags: wireTags(d.Tags),
		AttachedManagedPolicies: each(d.Attached, attached), UserPolicyList: each(d.Inline, inlineDetail),
		GroupList: groups, PermissionsBoundary: boundary(d.Entity),
	}
}

func groupDetail(d accounts.Detail) GroupDetail {
	return GroupDetail{
		Arn: new(d.ARN()), CreateDate: new(toSecond(d.Created)), Path: &d.Path, GroupId: &d.ID, GroupName: &d.Name,
		AttachedManagedPolicies: each(d.Attached, attached), GroupPolicyList: each(d.Inline, inlineDetail),
	}
}

func roleDetail(d accounts.Detail) RoleDetail {
	return RoleDetail{
		Arn: new(d.ARN()), CreateDate: new(toSecond(d.Created)), Path: &d.Path, RoleId: &d.ID, RoleName: &d.Name, Tags: wireTags(d.Tags),
		AttachedManagedPolicies: each(d.Attached, attached), RolePolicyList: each(d.Inline, inlineDetail),
		AssumeRolePolicyDocument: new(encoded(d.Trust)), InstanceProfileList: each(d.Profiles, profile),
		PermissionsBoundary: boundary(d.Entity), RoleLastUsed: lastUsed(d.Entity),
	}
}

func policyDetail(d accounts.Detail) ManagedPolicyDetail {
	p := policyInFull(d.Policy)
	return ManagedPolicyDetail{
		Arn: p.Arn, AttachmentCount: p.AttachmentCount, CreateDate: p.CreateDate, DefaultVersionId: p.DefaultVersionId, Description: p.Description,
		IsAttachable: p.IsAttachable, Path: p.Path, PermissionsBoundaryUsageCount: p.PermissionsBoundaryUsageCount, PolicyId: p.PolicyId,
		PolicyName: p.PolicyName, UpdateDate: p.UpdateDate, PolicyVersionList: each(d.Versions, versionInFull),
	}
}

func inlineDetail(p accounts.InlinePolicy) PolicyDetail {
	return PolicyDetail{PolicyName: &p.Name, PolicyDocument: new(encoded(p.Document))}
}
