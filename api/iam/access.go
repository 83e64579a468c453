package iam

import (
	"cmp"
	"context"
	"errors"

	"slipway/accounts"
	"slipway/api/awswire"
)

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service
// Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
// Management".
//
// Policies name users and roles with their paths, but callers name them without. So who is named
// is looked up before the caller is authorized, and denials do not show the ARN: a caller who may
// not must not learn from it who is there.

// on is the access of operations on one entity, which the input names.
func on[I any](ask func(context.Context, string) awswire.Ask, name func(*I) string) func(context.Context, *I) []awswire.Ask {
	return func(ctx context.Context, in *I) []awswire.Ask { return []awswire.Ask{ask(ctx, name(in))} }
}

// onSubject is the access of operations on a user, who is the caller if the input names none.
func onSubject[I any](d *door, name func(*I) *string) func(context.Context, *I) []awswire.Ask {
	return func(ctx context.Context, in *I) []awswire.Ask { return []awswire.Ask{d.subjectAsk(ctx, name(in))} }
}

func (d *door) user(ctx context.Context, name string) awswire.Ask {
	return d.named(ctx, accounts.KindUser, name, "user "+name)
}

func (d *door) group(ctx context.Context, name string) awswire.Ask {
	return d.named(ctx, accounts.KindGroup, name, "group "+name)
}

func (d *door) role(ctx context.Context, name string) awswire.Ask {
	return d.named(ctx, accounts.KindRole, name, "role "+name)
}

func (d *door) profile(ctx context.Context, name string) awswire.Ask {
	return d.named(ctx, accounts.KindProfile, name, "instance profile "+name)
}

// policy is the ask for a managed policy, which callers name by its ARN.
func (d *door) policy(ctx context.Context, arn string) awswire.Ask {
	ask := arnAsk(arn)
	ask.Shown = "policy " + arn
	ask.Tags = func(ctx context.Context) (map[string]string, error) {
		return d.control.TagsOfPolicy(ctx, accountOf(ctx), arn)
	}
	return ask
}

// named is the ask for an entity by its name. Who is not there is asked for as if at the root of
// all paths.
func (d *door) named(ctx context.Context, kind accounts.Kind, name, shown string) awswire.Ask {
	e, err := d.control.Entity(ctx, accountOf(ctx), kind, name)
	if errors.Is(err, accounts.ErrNoEntity) {
		return awswire.Ask{Resource: newARN(ctx, kind, "/", name), Shown: shown}
	}
	return d.known(e, shown, err)
}

func (d *door) known(e accounts.Entity, shown string, err error) awswire.Ask {
	return awswire.Ask{Resource: e.ARN(), Shown: shown, Err: err, Tags: func(ctx context.Context) (map[string]string, error) {
		return d.control.TagsOf(ctx, e.ID)
	}}
}

// subjectAsk is the ask for the user that an operation is about: the one it names, or the caller.
func (d *door) subjectAsk(ctx context.Context, name *string) awswire.Ask {
	who := awswire.CallerOf(ctx)
	switch {
	case name != nil:
		return d.user(ctx, *name)
	case isUser(who):
		e, err := d.control.EntityOf(ctx, who.Account, who.UserID)
		return d.known(e, "user "+e.Name, err)
	}
	return awswire.Ask{Resource: who.ARN}
}

// newARN is the ARN of an entity that is to be made, or that is not there.
func newARN(ctx context.Context, kind accounts.Kind, path, name string) string {
	return accounts.Entity{Account: accountOf(ctx), Kind: kind, Path: path, Name: name}.ARN()
}

// creation asks for what makes an entity and, if it comes with tags, for tagging it.
func creation(ctx context.Context, kind accounts.Kind, path *string, name, tagAction string, tags []Tag, keys map[string][]string) []awswire.Ask {
	made := newARN(ctx, kind, awswire.Or(path, "/"), name)
	asks := []awswire.Ask{{Resource: made, Keys: keys}}
	if len(tags) > 0 {
		asks = append(asks, awswire.Ask{Action: tagAction, Resource: made})
	}
	return asks
}

// bounded are the condition keys of a user or role that is made with a permissions boundary.
func bounded(boundary *string) map[string][]string {
	if boundary == nil {
		return nil
	}
	return map[string][]string{"iam:PermissionsBoundary": {*boundary}}
}

func (d *door) onCreateUser(ctx context.Context, in *CreateUserInput) []awswire.Ask {
	return creation(ctx, accounts.KindUser, in.Path, in.UserName, "iam:TagUser", in.Tags, bounded(in.PermissionsBoundary))
}

func (d *door) onCreateGroup(ctx context.Context, in *CreateGroupInput) []awswire.Ask {
	return creation(ctx, accounts.KindGroup, in.Path, in.GroupName, "", nil, nil)
}

func (d *door) onCreateRole(ctx context.Context, in *CreateRoleInput) []awswire.Ask {
	return creation(ctx, accounts.KindRole, in.Path, in.RoleName, "iam:TagRole", in.Tags, bounded(in.PermissionsBoundary))
}

func (d *door) onCreateInstanceProfile(ctx context.Context, in *CreateInstanceProfileInput) []awswire.Ask {
	return creation(ctx, accounts.KindProfile, in.Path, in.InstanceProfileName, "iam:TagInstanceProfile", in.Tags, nil)
}

func (d *door) onGetUser(ctx context.Context, in *GetUserInput) []awswire.Ask {
	return []awswire.Ask{d.subjectAsk(ctx, in.UserName)}
}

// listed is the ask for a listing: the place under which it looks.
func listed(ctx context.Context, kind accounts.Kind, prefix *string) []awswire.Ask {
	return awswire.On(newARN(ctx, kind, awswire.Or(prefix, "/"), ""))
}

func (d *door) onListUsers(ctx context.Context, in *ListUsersInput) []awswire.Ask {
	return listed(ctx, accounts.KindUser, in.PathPrefix)
}

func (d *door) onListGroups(ctx context.Context, in *ListGroupsInput) []awswire.Ask {
	return listed(ctx, accounts.KindGroup, in.PathPrefix)
}

func (d *door) onListRoles(ctx context.Context, in *ListRolesInput) []awswire.Ask {
	return listed(ctx, accounts.KindRole, in.PathPrefix)
}

func (d *door) onListInstanceProfiles(ctx context.Context, in *ListInstanceProfilesInput) []awswire.Ask {
	return listed(ctx, accounts.KindProfile, in.PathPrefix)
}

func (d *door) onListVirtualMFADevices(ctx context.Context, _ *ListVirtualMFADevicesInput) []awswire.Ask {
	return awswire.On(newARN(ctx, "mfa", "/", ""))
}

// onUpdateUser asks for who the user is and for who it is to be: "you must have the appropriate
// permissions on both the source object and the target object".
// Source: IAM API Reference, UpdateUser.
func (d *door) onUpdateUser(ctx context.Context, in *UpdateUserInput) []awswire.Ask {
	return d.renaming(ctx, accounts.KindUser, in.UserName, in.NewUserName, in.NewPath, d.user(ctx, in.UserName))
}

func (d *door) onUpdateGroup(ctx context.Context, in *UpdateGroupInput) []awswire.Ask {
	return d.renaming(ctx, accounts.KindGroup, in.GroupName, in.NewGroupName, in.NewPath, d.group(ctx, in.GroupName))
}

func (d *door) renaming(ctx context.Context, kind accounts.Kind, name string, newName, newPath *string, source awswire.Ask) []awswire.Ask {
	e, err := d.control.Entity(ctx, accountOf(ctx), kind, name)
	if err != nil && !errors.Is(err, accounts.ErrNoEntity) {
		return []awswire.Ask{{Err: err}}
	}
	target := newARN(ctx, kind, awswire.Or(newPath, cmp.Or(e.Path, "/")), awswire.Or(newName, cmp.Or(e.Name, name)))
	if target == source.Resource {
		return []awswire.Ask{source}
	}
	return []awswire.Ask{source, {Resource: target, Shown: string(kind) + " " + awswire.Or(newName, name)}}
}

// onAddRoleToInstanceProfile also asks for passing the role, to the service whose instances get it.
func (d *door) onAddRoleToInstanceProfile(ctx context.Context, in *AddRoleToInstanceProfileInput) []awswire.Ask {
	passed := d.role(ctx, in.RoleName)
	passed.Action = "iam:PassRole"
	passed.Shown = newARN(ctx, accounts.KindRole, "/", in.RoleName)
	passed.Keys = map[string][]string{"iam:PassedToService": {"ec2.amazonaws.com"}}
	return []awswire.Ask{d.profile(ctx, in.InstanceProfileName), passed}
}

// onGetAccessKeyLastUsed asks for the user whose key it is; a key that the account does not have is
// anybody's.
func (d *door) onGetAccessKeyLastUsed(ctx context.Context, in *GetAccessKeyLastUsedInput) []awswire.Ask {
	ask := awswire.Ask{Resource: newARN(ctx, accounts.KindUser, "/", "*")}
	key, err := d.control.KeyInfo(ctx, accountOf(ctx), in.AccessKeyId)
	switch {
	case err == nil && key.User != "":
		ask = d.user(ctx, key.User)
	case err != nil && !errors.Is(err, accounts.ErrNoEntity):
		ask.Err = err
	}
	ask.Shown = "access key " + in.AccessKeyId
	return []awswire.Ask{ask}
}
