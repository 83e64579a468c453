package lambda

import (
	"slipway/api/awswire"
	"slipway/internal/arn"
)

// Condition keys of settings.
const (
	keyPrincipal = "lambda:Principal"
	keyFunction  = "lambda:FunctionArn"
)

// setting asks for the operation on a function, whatever version or alias of it is named.
func (d *door) setting(c ctx, function string) awswire.Ask {
	r, err := d.room.ParseFunction(awswire.CallerOf(c).Account, function, "")
	if err != nil {
		return awswire.Ask{Err: err}
	}
	r = r.Whole()
	ask := d.onRef(r)
	ask.Tags = func(c ctx) (map[string]string, error) { return d.room.DecidingTags(c, r) }
	return ask
}

func (d *door) onSetting(c ctx, function string) []awswire.Ask {
	return []awswire.Ask{d.setting(c, function)}
}

// onPlace asks for a version or alias of a function.
func (d *door) onPlace(c ctx, function, qualifier string) []awswire.Ask {
	return []awswire.Ask{d.onFunction(c, function, &qualifier)}
}

func (d *door) onAddPermission(c ctx, in *AddPermissionInput) []awswire.Ask {
	ask := d.setting(c, in.FunctionName)
	ask.Keys = map[string][]string{keyPrincipal: {in.Principal}}
	if in.FunctionUrlAuthType != nil {
		ask.Keys[keyAuth] = []string{string(*in.FunctionUrlAuthType)}
	}
	return []awswire.Ask{ask}
}

func (d *door) onRemovePermission(c ctx, in *RemovePermissionInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onGetPolicy(c ctx, in *GetPolicyInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

// onURL asks for what is done with the URL of a function, which asks who calls in one of two ways.
func (d *door) onURL(c ctx, function string, auth *FunctionUrlAuthType) []awswire.Ask {
	ask := d.setting(c, function)
	ask.Keys = map[string][]string{keyFunction: {ask.Resource}}
	if auth != nil {
		ask.Keys[keyAuth] = []string{string(*auth)}
	}
	return []awswire.Ask{ask}
}

func (d *door) onCreateFunctionURL(c ctx, in *CreateFunctionUrlConfigInput) []awswire.Ask {
	return d.onURL(c, in.FunctionName, &in.AuthType)
}

func (d *door) onUpdateFunctionURL(c ctx, in *UpdateFunctionUrlConfigInput) []awswire.Ask {
	return d.onURL(c, in.FunctionName, in.AuthType)
}

func (d *door) onGetFunctionURL(c ctx, in *GetFunctionUrlConfigInput) []awswire.Ask {
	return d.onURL(c, in.FunctionName, nil)
}

func (d *door) onDeleteFunctionURL(c ctx, in *DeleteFunctionUrlConfigInput) []awswire.Ask {
	return d.onURL(c, in.FunctionName, nil)
}

func (d *door) onListFunctionURLs(c ctx, in *ListFunctionUrlConfigsInput) []awswire.Ask {
	return d.onURL(c, in.FunctionName, nil)
}

func (d *door) onPutFunctionConcurrency(c ctx, in *PutFunctionConcurrencyInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onGetFunctionConcurrency(c ctx, in *GetFunctionConcurrencyInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onDeleteFunctionConcurrency(c ctx, in *DeleteFunctionConcurrencyInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onPutProvisioned(c ctx, in *PutProvisionedConcurrencyConfigInput) []awswire.Ask {
	return d.onPlace(c, in.FunctionName, in.Qualifier)
}

func (d *door) onGetProvisioned(c ctx, in *GetProvisionedConcurrencyConfigInput) []awswire.Ask {
	return d.onPlace(c, in.FunctionName, in.Qualifier)
}

func (d *door) onDeleteProvisioned(c ctx, in *DeleteProvisionedConcurrencyConfigInput) []awswire.Ask {
	return d.onPlace(c, in.FunctionName, in.Qualifier)
}

func (d *door) onListProvisioned(c ctx, in *ListProvisionedConcurrencyConfigsInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onPutEventConfig(c ctx, in *PutFunctionEventInvokeConfigInput) []awswire.Ask {
	return append(d.onSetting(c, in.FunctionName), onDestinations(in.DestinationConfig)...)
}

func (d *door) onUpdateEventConfig(c ctx, in *UpdateFunctionEventInvokeConfigInput) []awswire.Ask {
	return append(d.onSetting(c, in.FunctionName), onDestinations(in.DestinationConfig)...)
}

// onDestinations asks whether the caller may put objects into the bucket that is to be told of failures: whoever may set what
// becomes of calls may not write into all buckets.
func onDestinations(to *DestinationConfig) []awswire.Ask {
	if to == nil || to.OnFailure == nil {
		return nil
	}
	bucket := awswire.Or(to.OnFailure.Destination, "")
	if a, err := arn.Parse(bucket); err != nil || a.Service != "s3" {
		return nil
	}
	return []awswire.Ask{{Action: "s3:PutObject", Resource: bucket + "/aws/lambda/async/*"}}
}

func (d *door) onGetEventConfig(c ctx, in *GetFunctionEventInvokeConfigInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onDeleteEventConfig(c ctx, in *DeleteFunctionEventInvokeConfigInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onListEventConfigs(c ctx, in *ListFunctionEventInvokeConfigsInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onListTags(c ctx, in *ListTagsInput) []awswire.Ask {
	return d.onSetting(c, in.Resource)
}

func (d *door) onTagResource(c ctx, in *TagResourceInput) []awswire.Ask {
	return d.onSetting(c, in.Resource)
}

func (d *door) onUntagResource(c ctx, in *UntagResourceInput) []awswire.Ask {
	return d.onSetting(c, in.Resource)
}

func (d *door) onGetCodeSigning(c ctx, in *GetFunctionCodeSigningConfigInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onGetRuntimeManagement(c ctx, in *GetRuntimeManagementConfigInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onPutRuntimeManagement(c ctx, in *PutRuntimeManagementConfigInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onGetRecursion(c ctx, in *GetFunctionRecursionConfigInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onPutRecursion(c ctx, in *PutFunctionRecursionConfigInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}
