package elbv2

import (
	"maps"
	"slices"
	"strconv"

	"slipway/api/awswire"
)

func num(n int) string { return strconv.Itoa(n) }

func tagsOf(wire []Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range wire {
		tags[t.Key] = awswire.Or(t.Value, "")
	}
	return tags
}

func (d *door) addTags(c ctx, in *AddTagsInput) (*AddTagsOutput, error) {
	tags := tagsOf(in.Tags)
	if len(tags) < len(in.Tags) {
		return nil, DuplicateTagKeysException.New("Tag keys must be unique")
	}
	return nil, d.room.Tag(c, account(c), in.ResourceArns, tags, nil)
}

func (d *door) removeTags(c ctx, in *RemoveTagsInput) (*RemoveTagsOutput, error) {
	return nil, d.room.Tag(c, account(c), in.ResourceArns, nil, in.TagKeys)
}

func (d *door) describeTags(c ctx, in *DescribeTagsInput) (*DescribeTagsOutput, error) {
	all, err := d.room.Tags(c, account(c), in.ResourceArns)
	out := &DescribeTagsOutput{}
	for _, name := range in.ResourceArns {
		described := TagDescription{ResourceArn: &name, Tags: []Tag{}}
		for _, key := range slices.Sorted(maps.Keys(all[name])) {
			described.Tags = append(described.Tags, Tag{Key: key, Value: new(all[name][key])})
		}
		out.TagDescriptions = append(out.TagDescriptions, described)
	}
	return out, err
}
