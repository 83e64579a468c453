// Package iam is the door of the accounts room that speaks the IAM API: users, groups, roles,
// their policies and their access keys. It holds no state.
//
// What Slipway has none of, such as passwords and MFA devices, is listed as empty; what would make
// one is not served.
package iam

import (
	"slices"

	"slipway/accounts"
	"slipway/api/awswire"
)

type door struct{ control *accounts.Control }

// New returns the door of the room.
func New(c *accounts.Control) *awswire.Service {
	d := &door{c}
	return awswire.NewService(API, faults, slices.Concat(
		userBindings(d), groupBindings(d), roleBindings(d), linkedBindings(d), profileBindings(d), keyBindings(d), tagBindings(d), accountBindings(d), absentBindings(d),
		policyBindings(d), attachBindings(d), inlineBindings(d), simulationBindings(d), overviewBindings(d),
	)...)
}

func userBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreateUser.Handle(d.createUser, d.onCreateUser),
		GetUser.Handle(d.getUser, d.onGetUser),
		ListUsers.Handle(d.listUsers, d.onListUsers),
		UpdateUser.Handle(d.updateUser, d.onUpdateUser),
		DeleteUser.Handle(d.deleteUser, on(d.user, func(in *DeleteUserInput) string { return in.UserName })),
	}
}

func groupBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreateGroup.Handle(d.createGroup, d.onCreateGroup),
		GetGroup.Handle(d.getGroup, on(d.group, func(in *GetGroupInput) string { return in.GroupName })),
		ListGroups.Handle(d.listGroups, d.onListGroups),
		UpdateGroup.Handle(d.updateGroup, d.onUpdateGroup),
		DeleteGroup.Handle(d.deleteGroup, on(d.group, func(in *DeleteGroupInput) string { return in.GroupName })),
		AddUserToGroup.Handle(d.addUserToGroup, on(d.group, func(in *AddUserToGroupInput) string { return in.GroupName })),
		RemoveUserFromGroup.Handle(d.removeUserFromGroup, on(d.group, func(in *RemoveUserFromGroupInput) string { return in.GroupName })),
		ListGroupsForUser.Handle(d.listGroupsForUser, on(d.user, func(in *ListGroupsForUserInput) string { return in.UserName })),
	}
}

func roleBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreateRole.Handle(d.createRole, d.onCreateRole),
		GetRole.Handle(d.getRole, on(d.role, func(in *GetRoleInput) string { return in.RoleName })),
		ListRoles.Handle(d.listRoles, d.onListRoles),
		UpdateRole.Handle(d.updateRole, on(d.role, func(in *UpdateRoleInput) string { return in.RoleName })),
		UpdateRoleDescription.Handle(d.updateRoleDescription, on(d.role, func(in *UpdateRoleDescriptionInput) string { return in.RoleName })),
		UpdateAssumeRolePolicy.Handle(d.updateAssumeRolePolicy, on(d.role, func(in *UpdateAssumeRolePolicyInput) string { return in.RoleName })),
		DeleteRole.Handle(d.deleteRole, on(d.role, func(in *DeleteRoleInput) string { return in.RoleName })),
	}
}

func linkedBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreateServiceLinkedRole.Handle(d.createServiceLinkedRole, d.onCreateServiceLinkedRole),
		DeleteServiceLinkedRole.Handle(d.deleteServiceLinkedRole, on(d.role, func(in *DeleteServiceLinkedRoleInput) string { return in.RoleName })),
		GetServiceLinkedRoleDeletionStatus.Handle(d.getServiceLinkedRoleDeletionStatus, d.onGetServiceLinkedRoleDeletionStatus),
	}
}

func profileBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreateInstanceProfile.Handle(d.createInstanceProfile, d.onCreateInstanceProfile),
		GetInstanceProfile.Handle(d.getInstanceProfile, on(d.profile, func(in *GetInstanceProfileInput) string { return in.InstanceProfileName })),
		ListInstanceProfiles.Handle(d.listInstanceProfiles, d.onListInstanceProfiles),
		ListInstanceProfilesForRole.Handle(d.listInstanceProfilesForRole, on(d.role, func(in *ListInstanceProfilesForRoleInput) string { return in.RoleName })),
		AddRoleToInstanceProfile.Handle(d.addRoleToInstanceProfile, d.onAddRoleToInstanceProfile),
		RemoveRoleFromInstanceProfile.Handle(d.removeRoleFromInstanceProfile, on(d.profile, func(in *RemoveRoleFromInstanceProfileInput) string { return in.InstanceProfileName })),
		DeleteInstanceProfile.Handle(d.deleteInstanceProfile, on(d.profile, func(in *DeleteInstanceProfileInput) string { return in.InstanceProfileName })),
	}
}

func keyBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreateAccessKey.Handle(d.createAccessKey, onSubject(d, func(in *CreateAccessKeyInput) *string { return in.UserName })),
		ListAccessKeys.Handle(d.listAccessKeys, onSubject(d, func(in *ListAccessKeysInput) *string { return in.UserName })),
		UpdateAccessKey.Handle(d.updateAccessKey, onSubject(d, func(in *UpdateAccessKeyInput) *string { return in.UserName })),
		DeleteAccessKey.Handle(d.deleteAccessKey, onSubject(d, func(in *DeleteAccessKeyInput) *string { return in.UserName })),
		GetAccessKeyLastUsed.Handle(d.getAccessKeyLastUsed, d.onGetAccessKeyLastUsed),
	}
}

func tagBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		TagUser.Handle(d.tagUser, on(d.user, func(in *TagUserInput) string { return in.UserName })),
		UntagUser.Handle(d.untagUser, on(d.user, func(in *UntagUserInput) string { return in.UserName })),
		ListUserTags.Handle(d.listUserTags, on(d.user, func(in *ListUserTagsInput) string { return in.UserName })),
		TagRole.Handle(d.tagRole, on(d.role, func(in *TagRoleInput) string { return in.RoleName })),
		UntagRole.Handle(d.untagRole, on(d.role, func(in *UntagRoleInput) string { return in.RoleName })),
		ListRoleTags.Handle(d.listRoleTags, on(d.role, func(in *ListRoleTagsInput) string { return in.RoleName })),
		TagInstanceProfile.Handle(d.tagInstanceProfile, on(d.profile, func(in *TagInstanceProfileInput) string { return in.InstanceProfileName })),
		UntagInstanceProfile.Handle(d.untagInstanceProfile, on(d.profile, func(in *UntagInstanceProfileInput) string { return in.InstanceProfileName })),
		ListInstanceProfileTags.Handle(d.listInstanceProfileTags, on(d.profile, func(in *ListInstanceProfileTagsInput) string { return in.InstanceProfileName })),
		TagPolicy.Handle(d.tagPolicy, on(d.policy, func(in *TagPolicyInput) string { return in.PolicyArn })),
		UntagPolicy.Handle(d.untagPolicy, on(d.policy, func(in *UntagPolicyInput) string { return in.PolicyArn })),
		ListPolicyTags.Handle(d.listPolicyTags, on(d.policy, func(in *ListPolicyTagsInput) string { return in.PolicyArn })),
	}
}

func accountBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		CreateAccountAlias.Handle(d.createAccountAlias, awswire.Any),
		DeleteAccountAlias.Handle(d.deleteAccountAlias, awswire.Any),
		ListAccountAliases.Handle(d.listAccountAliases, awswire.Any),
	}
}

func absentBindings(d *door) []awswire.Binding {
	return []awswire.Binding{
		GetLoginProfile.Handle(d.getLoginProfile, onSubject(d, func(in *GetLoginProfileInput) *string { return in.UserName })),
		DeleteLoginProfile.Handle(d.deleteLoginProfile, onSubject(d, func(in *DeleteLoginProfileInput) *string { return in.UserName })),
		ListMFADevices.Handle(d.listMFADevices, onSubject(d, func(in *ListMFADevicesInput) *string { return in.UserName })),
		ListSigningCertificates.Handle(d.listSigningCertificates, onSubject(d, func(in *ListSigningCertificatesInput) *string { return in.UserName })),
		ListSSHPublicKeys.Handle(d.listSSHPublicKeys, onSubject(d, func(in *ListSSHPublicKeysInput) *string { return in.UserName })),
		ListServiceSpecificCredentials.Handle(d.listServiceSpecificCredentials, onSubject(d, func(in *ListServiceSpecificCredentialsInput) *string { return in.UserName })),
		ListVirtualMFADevices.Handle(d.listVirtualMFADevices, d.onListVirtualMFADevices),
	}
}
