package ssm

import (
	"strconv"

	"slipway/api/awswire"
	"slipway/internal/arn"
)

// What each operation asks for; testdata/access.golden shows it as a table. Source: Service Authorization
// Reference, "Actions, resources, and condition keys for AWS Systems Manager". A parameter has no policy of
// its own, so that one of another account, which only an ARN can name, is nobody else's.

// on asks for the operation on a parameter.
func (d *door) on(c ctx, name string) awswire.Ask {
	ref := d.ref(c, name)
	ask := awswire.Ask{
		Resource: d.room.ParameterARN(ref.Account, ref.Name),
		Tags:     func(c ctx) (map[string]string, error) { return d.room.DecidingParameterTags(c, ref) },
	}
	if ref.Name == "" {
		ask.Resource = name // an ARN that is no parameter's
	}
	return ask
}

func (d *door) onEach(c ctx, names []string) []awswire.Ask {
	asks := make([]awswire.Ask, len(names))
	for i, name := range names {
		asks[i] = d.on(c, name)
	}
	return asks
}

// all stands for all of the account's.
func (d *door) all(c ctx) awswire.Ask {
	a := arn.ARN{Service: "ssm", Region: d.room.Region(), Account: awswire.CallerOf(c).Account, Resource: "*"}
	return awswire.Ask{Resource: a.String()}
}

// onTagged is for tags, which nothing but parameters has.
func (d *door) onTagged(c ctx, kind ResourceTypeForTagging, id string) []awswire.Ask {
	if kind != ResourceTypeForTaggingParameter {
		return []awswire.Ask{d.all(c)}
	}
	return []awswire.Ask{d.on(c, id)}
}

func (d *door) onAddTagsToResource(c ctx, in *AddTagsToResourceInput) []awswire.Ask {
	return d.onTagged(c, in.ResourceType, in.ResourceId)
}

func (d *door) onRemoveTagsFromResource(c ctx, in *RemoveTagsFromResourceInput) []awswire.Ask {
	return d.onTagged(c, in.ResourceType, in.ResourceId)
}

func (d *door) onListTagsForResource(c ctx, in *ListTagsForResourceInput) []awswire.Ask {
	return d.onTagged(c, in.ResourceType, in.ResourceId)
}

func (d *door) onDeleteParameter(c ctx, in *DeleteParameterInput) []awswire.Ask {
	return []awswire.Ask{d.on(c, in.Name)}
}

func (d *door) onDeleteParameters(c ctx, in *DeleteParametersInput) []awswire.Ask {
	return d.onEach(c, in.Names)
}

func (d *door) onDescribeParameters(c ctx, _ *DescribeParametersInput) []awswire.Ask {
	return []awswire.Ask{d.all(c)}
}

func (d *door) onGetParameter(c ctx, in *GetParameterInput) []awswire.Ask {
	return []awswire.Ask{d.on(c, in.Name)}
}

func (d *door) onGetParameterHistory(c ctx, in *GetParameterHistoryInput) []awswire.Ask {
	return []awswire.Ask{d.on(c, in.Name)}
}

func (d *door) onGetParameters(c ctx, in *GetParametersInput) []awswire.Ask {
	return d.onEach(c, in.Names)
}

// onGetParametersByPath asks for the path: who may read it may read all below it, as on AWS.
func (d *door) onGetParametersByPath(c ctx, in *GetParametersByPathInput) []awswire.Ask {
	return []awswire.Ask{{
		Resource: d.room.ParameterARN(awswire.CallerOf(c).Account, in.Path),
		Keys:     map[string][]string{"ssm:Recursive": {strconv.FormatBool(awswire.Or(in.Recursive, false))}},
	}}
}

func (d *door) onLabelParameterVersion(c ctx, in *LabelParameterVersionInput) []awswire.Ask {
	return []awswire.Ask{d.on(c, in.Name)}
}

func (d *door) onUnlabelParameterVersion(c ctx, in *UnlabelParameterVersionInput) []awswire.Ask {
	return []awswire.Ask{d.on(c, in.Name)}
}

// onPutParameter asks for the tags of the parameter as well.
func (d *door) onPutParameter(c ctx, in *PutParameterInput) []awswire.Ask {
	ask := d.on(c, in.Name)
	ask.Keys = map[string][]string{"ssm:Overwrite": {strconv.FormatBool(awswire.Or(in.Overwrite, false))}}
	asks := []awswire.Ask{ask}
	if len(in.Tags) > 0 {
		asks = append(asks, d.on(c, in.Name))
		asks[1].Action = "ssm:AddTagsToResource"
	}
	return asks
}
