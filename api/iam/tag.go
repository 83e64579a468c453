package iam

import (
	"context"

	"slipway/accounts"
	"slipway/api/awswire"
)

func (d *door) tagUser(ctx context.Context, in *TagUserInput) (*awswire.None, error) {
	return nil, d.control.Tag(ctx, accountOf(ctx), accounts.KindUser, in.UserName, roomTags(in.Tags))
}

func (d *door) tagRole(ctx context.Context, in *TagRoleInput) (*awswire.None, error) {
	return nil, d.control.Tag(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, roomTags(in.Tags))
}

func (d *door) tagInstanceProfile(ctx context.Context, in *TagInstanceProfileInput) (*awswire.None, error) {
	return nil, d.control.Tag(ctx, accountOf(ctx), accounts.KindProfile, in.InstanceProfileName, roomTags(in.Tags))
}

func (d *door) tagPolicy(ctx context.Context, in *TagPolicyInput) (*awswire.None, error) {
	return nil, d.control.TagPolicy(ctx, accountOf(ctx), in.PolicyArn, roomTags(in.Tags))
}

func (d *door) untagUser(ctx context.Context, in *UntagUserInput) (*awswire.None, error) {
	return nil, d.control.Untag(ctx, accountOf(ctx), accounts.KindUser, in.UserName, in.TagKeys)
}

func (d *door) untagRole(ctx context.Context, in *UntagRoleInput) (*awswire.None, error) {
	return nil, d.control.Untag(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, in.TagKeys)
}

func (d *door) untagInstanceProfile(ctx context.Context, in *UntagInstanceProfileInput) (*awswire.None, error) {
	return nil, d.control.Untag(ctx, accountOf(ctx), accounts.KindProfile, in.InstanceProfileName, in.TagKeys)
}

func (d *door) untagPolicy(ctx context.Context, in *UntagPolicyInput) (*awswire.None, error) {
	return nil, d.control.UntagPolicy(ctx, accountOf(ctx), in.PolicyArn, in.TagKeys)
}

func (d *door) listUserTags(ctx context.Context, in *ListUserTagsInput) (*ListUserTagsOutput, error) {
	tags, next, err := d.control.Tags(ctx, accountOf(ctx), accounts.KindUser, in.UserName, pageOf(in.Marker, in.MaxItems))
	out := &ListUserTagsOutput{Tags: wireTags(tags)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listRoleTags(ctx context.Context, in *ListRoleTagsInput) (*ListRoleTagsOutput, error) {
	tags, next, err := d.control.Tags(ctx, accountOf(ctx), accounts.KindRole, in.RoleName, pageOf(in.Marker, in.MaxItems))
	out := &ListRoleTagsOutput{Tags: wireTags(tags)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listInstanceProfileTags(ctx context.Context, in *ListInstanceProfileTagsInput) (*ListInstanceProfileTagsOutput, error) {
	tags, next, err := d.control.Tags(ctx, accountOf(ctx), accounts.KindProfile, in.InstanceProfileName, pageOf(in.Marker, in.MaxItems))
	out := &ListInstanceProfileTagsOutput{Tags: wireTags(tags)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func (d *door) listPolicyTags(ctx context.Context, in *ListPolicyTagsInput) (*ListPolicyTagsOutput, error) {
	tags, next, err := d.control.PolicyTags(ctx, accountOf(ctx), in.PolicyArn, pageOf(in.Marker, in.MaxItems))
	out := &ListPolicyTagsOutput{Tags: wireTags(tags)}
	out.IsTruncated, out.Marker = more(next)
	return out, err
}

func roomTags(tags []Tag) []accounts.Tag {
	return each(tags, func(t Tag) accounts.Tag { return accounts.Tag{Key: t.Key, Value: t.Value} })
}

func wireTags(tags []accounts.Tag) []Tag {
	return each(tags, func(t accounts.Tag) Tag { return Tag{Key: t.Key, Value: t.Value} })
}

// someTags is wireTags where none are not shown.
func someTags(tags []accounts.Tag) []Tag {
	if len(tags) == 0 {
		return nil
	}
	return wireTags(tags)
}
