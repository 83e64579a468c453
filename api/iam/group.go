package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func (d *door) createGroup(ctx context.Context, in *CreateGroupInput) (*CreateGroupOutput, error) {
	e, err := d.control.CreateGroup(ctx, accountOf(ctx), in.GroupName, awswire.Or(in.Path, "/"))
	if err != nil {
		return nil, err
	}
	return &CreateGroupOutput{Group: new(group(e))}, nil
}

func (d *door) getGroup(ctx context.Context, in *GetGroupInput) (*GetGroupOutput, error) {
	g, users, next, err := d.control.Members(ctx, accountOf(ctx), in.GroupName, pageOf(in.Marker, in.MaxItems))
	out := &GetGroupOutput{Group: new(group(g)), Users: each(users, user)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listGroups(ctx context.Context, in *ListGroupsInput) (*ListGroupsOutput, error) {
	list, next, err := d.control.Entities(ctx, accountOf(ctx), accounts.KindGroup, awswire.Or(in.PathPrefix, "/"), pageOf(in.Marker, in.MaxItems))
	out := &ListGroupsOutput{Groups: each(list, group)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listGroupsForUser(ctx context.Context, in *ListGroupsForUserInput) (*ListGroupsForUserOutput, error) {
	list, next, err := d.control.GroupsOf(ctx, accountOf(ctx), in.UserName, pageOf(in.Marker, in.MaxItems))
	out := &ListGroupsForUserOutput{Groups: each(list, group)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) updateGroup(ctx context.Context, in *UpdateGroupInput) (*awswire.None, error) {
	return nil, d.control.Rename(ctx, accountOf(ctx), accounts.KindGroup, in.GroupName, awswire.Or(in.NewGroupName, ""), awswire.Or(in.NewPath, ""))
}

func (d *door) deleteGroup(ctx context.Context, in *DeleteGroupInput) (*awswire.None, error) {
	return nil, d.control.DeleteGroup(ctx, accountOf(ctx), in.GroupName)
}

func (d *door) addUserToGroup(ctx context.Context, in *AddUserToGroupInput) (*awswire.None, error) {
	return nil, d.control.Join(ctx, accountOf(ctx), in.GroupName, in.UserName)
}

func (d *door) removeUserFromGroup(ctx context.Context, in *RemoveUserFromGroupInput) (*awswire.None, error) {
	return nil, d.control.Leave(ctx, accountOf(ctx), in.GroupName, in.UserName)
}

func group(e accounts.Entity) Group {
	return Group{Arn: e.ARN(), CreateDate: toSecond(e.Created), Path: e.Path, GroupId: e.ID, GroupName: e.Name}
}
