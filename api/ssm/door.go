// Package ssm is the door of the parameters of room secrets: it speaks the part of the AWS Systems Manager
// API that is called Parameter Store, and holds no state.
//
// Policies of parameters, keys of a key service and parameters that other accounts share are refused by name
// and never ignored. Nothing else of Systems Manager is here.
package ssm

import (
	"context"

	"slipway/api/awswire"
	"slipway/secrets"
)

type ctx = context.Context

type door struct{ room *secrets.Control }

// New returns the door of the room's parameters.
func New(c *secrets.Control) *awswire.Service {
	d := &door{c}
	return awswire.NewService(API, faults,
		AddTagsToResource.Handle(d.addTagsToResource, d.onAddTagsToResource),
		DeleteParameter.Handle(d.deleteParameter, d.onDeleteParameter),
		DeleteParameters.Handle(d.deleteParameters, d.onDeleteParameters),
		DescribeParameters.Handle(d.describeParameters, d.onDescribeParameters),
		GetParameter.Handle(d.getParameter, d.onGetParameter),
		GetParameterHistory.Handle(d.getParameterHistory, d.onGetParameterHistory),
		GetParameters.Handle(d.getParameters, d.onGetParameters),
		GetParametersByPath.Handle(d.getParametersByPath, d.onGetParametersByPath),
		LabelParameterVersion.Handle(d.labelParameterVersion, d.onLabelParameterVersion),
		ListTagsForResource.Handle(d.listTagsForResource, d.onListTagsForResource),
		PutParameter.Handle(d.putParameter, d.onPutParameter),
		RemoveTagsFromResource.Handle(d.removeTagsFromResource, d.onRemoveTagsFromResource),
		UnlabelParameterVersion.Handle(d.unlabelParameterVersion, d.onUnlabelParameterVersion),
	)
}

// ref is the parameter that a call of the caller's names.
func (d *door) ref(c ctx, name string) secrets.ParameterRef {
	return d.room.ParameterRef(awswire.CallerOf(c).Account, name)
}

func (d *door) refs(c ctx, names []string) []secrets.ParameterRef {
	refs := make([]secrets.ParameterRef, len(names))
	for i, name := range names {
		refs[i] = d.ref(c, name)
	}
	return refs
}
