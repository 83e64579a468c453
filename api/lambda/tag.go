package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/arn"
)

// tagged is the function that an ARN names; of all that has tags on AWS there are only functions here.
func (d *door) tagged(c ctx, resource string) (functions.Ref, error) {
	if !arn.Is(resource) {
		return functions.Ref{}, InvalidParameterValueException.Newf("'%s' is not the ARN of a function.", resource)
	}
	return d.ref(c, resource, nil)
}

func (d *door) listTags(c ctx, in *ListTagsInput) (*ListTagsOutput, error) {
	r, err := d.tagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	tags, err := d.room.Tags(c, r)
	if err != nil {
		return nil, err
	}
	return &ListTagsOutput{Tags: tags}, nil
}

func (d *door) tagResource(c ctx, in *TagResourceInput) (*awswire.None, error) {
	r, err := d.tagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, InvalidParameterValueException.New("An error occurred and the request cannot be processed.")
	}
	return nil, d.room.Tag(c, r, in.Tags, nil)
}

func (d *door) untagResource(c ctx, in *UntagResourceInput) (*awswire.None, error) {
	r, err := d.tagged(c, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, d.room.Tag(c, r, nil, in.TagKeys)
}
