package logs

import (
	"context"

	"slipway/api/awswire"
)

func (d *door) tagResource(ctx context.Context, in *TagResourceInput) (*awswire.None, error) {
	g, err := d.here(d.taggedGroup(ctx, in.ResourceArn))
	if err != nil {
		return nil, err
	}
	return nil, d.control.Tag(ctx, g.account, g.name, in.Tags)
}

func (d *door) untagResource(ctx context.Context, in *UntagResourceInput) (*awswire.None, error) {
	g, err := d.here(d.taggedGroup(ctx, in.ResourceArn))
	if err != nil {
		return nil, err
	}
	return nil, d.control.Untag(ctx, g.account, g.name, in.TagKeys)
}

func (d *door) listTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	g, err := d.here(d.taggedGroup(ctx, in.ResourceArn))
	if err != nil {
		return nil, err
	}
	tags, err := d.control.Tags(ctx, g.account, g.name)
	return &ListTagsForResourceOutput{Tags: tags}, err
}
