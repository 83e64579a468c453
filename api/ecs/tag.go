package ecs

import (
	"slipway/api/awswire"
	"slipway/cluster"
)

func (d *door) tagResource(c ctx, in *TagResourceInput) (*TagResourceOutput, error) {
	return nil, d.control.Tag(c, awswire.CallerOf(c).Account, in.ResourceArn, readTags(in.Tags))
}

func (d *door) untagResource(c ctx, in *UntagResourceInput) (*UntagResourceOutput, error) {
	return nil, d.control.Untag(c, awswire.CallerOf(c).Account, in.ResourceArn, in.TagKeys)
}

func (d *door) listTagsForResource(c ctx, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	tags, err := d.control.Tags(c, awswire.CallerOf(c).Account, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &ListTagsForResourceOutput{Tags: writeTags(tags)}, nil
}

func readTags(tags []Tag) []cluster.Tag {
	var list []cluster.Tag
	for _, t := range tags {
		list = append(list, cluster.Tag{Key: awswire.Or(t.Key, ""), Value: awswire.Or(t.Value, "")})
	}
	return list
}

func writeTags(tags []cluster.Tag) []Tag {
	list := []Tag{}
	for _, t := range tags {
		list = append(list, Tag{Key: &t.Key, Value: &t.Value})
	}
	return list
}
