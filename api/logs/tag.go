package logs

import (
	"context"

	"slipway/api/awswire"
	"slipway/internal/arn"
)

func (d *door) tagResource(ctx context.Context, in *TagResourceInput) (*awswire.None, error) {
	group, err := d.taggedGroup(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, d.control.Tag(ctx, awswire.CallerOf(ctx).Account, group, in.Tags)
}

func (d *door) untagResource(ctx context.Context, in *UntagResourceInput) (*awswire.None, error) {
	group, err := d.taggedGroup(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, d.control.Untag(ctx, awswire.CallerOf(ctx).Account, group, in.TagKeys)
}

func (d *door) listTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	group, err := d.taggedGroup(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := d.control.Tags(ctx, awswire.CallerOf(ctx).Account, group)
	return &ListTagsForResourceOutput{Tags: tags}, err
}

// taggedGroup is the group of an ARN. Nothing else has tags.
func (d *door) taggedGroup(ctx context.Context, resource string) (string, error) {
	if !arn.Is(resource) {
		return "", InvalidParameterException.Newf("%s is not an ARN.", resource)
	}
	return d.groupNamed(ctx, resource)
}
