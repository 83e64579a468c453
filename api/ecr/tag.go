package ecr

import "context"

func (d *door) tagResource(ctx context.Context, t target, in *TagResourceInput) (*TagResourceOutput, error) {
	labels, err := labelsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, d.registry.Label(ctx, t.account, t.repository, labels)
}

func (d *door) untagResource(ctx context.Context, t target, in *UntagResourceInput) (*UntagResourceOutput, error) {
	return nil, d.registry.Unlabel(ctx, t.account, t.repository, in.TagKeys)
}

func (d *door) listTagsForResource(ctx context.Context, t target, _ *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	labels, err := d.registry.Labels(ctx, t.account, t.repository)
	if err != nil {
		return nil, err
	}
	return &ListTagsForResourceOutput{Tags: wireTags(labels)}, nil
}

// labelsOf reads tags; a key that comes twice would make one value disappear.
func labelsOf(tags []Tag) (map[string]string, error) {
	labels := make(map[string]string, len(tags))
	for _, tag := range tags {
		if _, twice := labels[tag.Key]; twice {
			return nil, InvalidTagParameterException.New(constraint("tags", "must not have the key "+tag.Key+" twice"))
		}
		labels[tag.Key] = tag.Value
	}
	return labels, nil
}
