package ssm

import (
	"errors"
	"maps"
	"slices"

	"slipway/secrets"
)

func tagsOf(wire []Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range wire {
		tags[t.Key] = t.Value
	}
	return tags
}

// worded is what is wrong with a resource that has no tags, in AWS's words.
func worded(kind ResourceTypeForTagging, do func() error) error {
	if kind != ResourceTypeForTaggingParameter {
		return InvalidResourceType.Newf("The resource type is not valid: %s is not supported by Slipway, which has parameters alone.", kind)
	}
	err := do()
	if errors.Is(err, secrets.ErrNoParameter) {
		return InvalidResourceId.New("The resource ID is not valid. Verify that you entered the correct ID and try again.")
	}
	return err
}

func (d *door) addTagsToResource(c ctx, in *AddTagsToResourceInput) (*AddTagsToResourceOutput, error) {
	return nil, worded(in.ResourceType, func() error {
		return d.room.TagParameter(c, d.ref(c, in.ResourceId), tagsOf(in.Tags), nil)
	})
}

func (d *door) removeTagsFromResource(c ctx, in *RemoveTagsFromResourceInput) (*RemoveTagsFromResourceOutput, error) {
	return nil, worded(in.ResourceType, func() error {
		return d.room.TagParameter(c, d.ref(c, in.ResourceId), nil, in.TagKeys)
	})
}

func (d *door) listTagsForResource(c ctx, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	out := &ListTagsForResourceOutput{TagList: []Tag{}}
	return out, worded(in.ResourceType, func() error {
		tags, err := d.room.ParameterTags(c, d.ref(c, in.ResourceId))
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			out.TagList = append(out.TagList, Tag{Key: key, Value: tags[key]})
		}
		return err
	})
}
