package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func (d *door) createUser(ctx context.Context, in *CreateUserInput) (*CreateUserOutput, error) {
	e, err := d.control.CreateUser(ctx, accountOf(ctx), accounts.NewUser{
		Name: in.UserName, Path: awswire.Or(in.Path, "/"), Boundary: awswire.Or(in.PermissionsBoundary, ""), Tags: roomTags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &CreateUserOutput{User: new(userInFull(e, in.Tags))}, nil
}

func (d *door) getUser(ctx context.Context, in *GetUserInput) (*GetUserOutput, error) {
	name, err := d.subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return d.getRoot(ctx)
	}
	e, tags, err := d.full(ctx, accounts.KindUser, name)
	if err != nil {
		return nil, err
	}
	return &GetUserOutput{User: new(userInFull(e, tags))}, nil
}

// getRoot is the root user, who has neither a name nor a path.
func (d *door) getRoot(ctx context.Context) (*GetUserOutput, error) {
	a, err := d.control.Account(ctx, accountOf(ctx))
	if err != nil {
		return nil, err
	}
	return &GetUserOutput{User: &User{Arn: awswire.CallerOf(ctx).ARN, UserId: a.ID, CreateDate: toSecond(a.Created)}}, nil
}

func (d *door) listUsers(ctx context.Context, in *ListUsersInput) (*ListUsersOutput, error) {
	list, next, err := d.control.Entities(ctx, accountOf(ctx), accounts.KindUser, awswire.Or(in.PathPrefix, "/"), pageOf(in.Marker, in.MaxItems))
	out := &ListUsersOutput{Users: each(list, user)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) updateUser(ctx context.Context, in *UpdateUserInput) (*awswire.None, error) {
	return nil, d.control.Rename(ctx, accountOf(ctx), accounts.KindUser, in.UserName, awswire.Or(in.NewUserName, ""), awswire.Or(in.NewPath, ""))
}

func (d *door) deleteUser(ctx context.Context, in *DeleteUserInput) (*awswire.None, error) {
	return nil, d.control.DeleteUser(ctx, accountOf(ctx), in.UserName)
}

// user is a user as lists have it: without tags and boundary.
func user(e accounts.Entity) User {
	return User{Arn: e.ARN(), CreateDate: toSecond(e.Created), Path: e.Path, UserId: e.ID, UserName: e.Name}
}

func userInFull(e accounts.Entity, tags []Tag) User {
	u := user(e)
	u.PermissionsBoundary, u.Tags = boundary(e), tags
	return u
}

// boundary is the permissions boundary of a user or role, nil if it has none.
func boundary(e accounts.Entity) *AttachedPermissionsBoundary {
	if e.Boundary == "" {
		return nil
	}
	return &AttachedPermissionsBoundary{PermissionsBoundaryArn: &e.Boundary, PermissionsBoundaryType: new(PermissionsBoundaryAttachmentTypePermissionsBoundaryPolicy)}
}

// full is an entity with all its tags.
func (d *door) full(ctx context.Context, kind accounts.Kind, name string) (accounts.Entity, []Tag, error) {
	e, err := d.control.Entity(ctx, accountOf(ctx), kind, name)
	if err != nil {
		return e, nil, err
	}
	tags, _, err := d.control.Tags(ctx, accountOf(ctx), kind, name, accounts.Page{})
	return e, someTags(tags), err
}
