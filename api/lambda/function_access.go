package lambda

import (
	"slipway/api/awswire"
	"slipway/internal/arn"
)

// Condition keys of functions. Source: Service Authorization Reference, "Condition keys for AWS Lambda".
const keyLayer = "lambda:Layer"

// lambdaService is whom roles are handed to, for functions to act in them.
const lambdaService = "lambda.amazonaws.com"

// onCreateFunction asks for the role that is handed to the function as well, and for the tags.
func (d *door) onCreateFunction(c ctx, in *CreateFunctionInput) []awswire.Ask {
	ask := d.setting(c, in.FunctionName)
	if len(in.Layers) > 0 {
		ask.Keys = map[string][]string{keyLayer: in.Layers}
	}
	asks := []awswire.Ask{ask, passRole(c, in.Role)}
	if len(in.Tags) > 0 {
		tag := ask
		tag.Action = "lambda:TagResource"
		asks = append(asks, tag)
	}
	asks = append(asks, onObject(objectOf(in.Code.S3Bucket, in.Code.S3Key, in.Code.S3ObjectVersion))...)
	return append(asks, d.onLayers(c, in.Layers)...)
}

// passRole asks whether the caller may hand a role to functions. Source: IAM User Guide, "Grant a user permissions to
// pass a role to an AWS service".
func passRole(c ctx, role string) awswire.Ask {
	a, err := arn.Parse(role)
	if err == nil && a.Account != awswire.CallerOf(c).Account {
		err = awswire.Denied("Cross-account pass role is not allowed.")
	}
	return awswire.Ask{Action: "iam:PassRole", Resource: role, Keys: map[string][]string{"iam:PassedToService": {lambdaService}}, Err: err}
}

func (d *door) onUpdateFunctionConfiguration(c ctx, in *UpdateFunctionConfigurationInput) []awswire.Ask {
	ask := d.setting(c, in.FunctionName)
	if len(in.Layers) > 0 {
		ask.Keys = map[string][]string{keyLayer: in.Layers}
	}
	asks := []awswire.Ask{ask}
	if in.Role != nil {
		asks = append(asks, passRole(c, *in.Role))
	}
	return append(asks, d.onLayers(c, in.Layers)...)
}

func (d *door) onUpdateFunctionCode(c ctx, in *UpdateFunctionCodeInput) []awswire.Ask {
	return append(d.onSetting(c, in.FunctionName), onObject(objectOf(in.S3Bucket, in.S3Key, in.S3ObjectVersion))...)
}

// onDeleteFunction asks for the version, if one is named.
func (d *door) onDeleteFunction(c ctx, in *DeleteFunctionInput) []awswire.Ask {
	return d.onQualified(c, in.FunctionName, in.Qualifier)
}

func (d *door) onGetFunction(c ctx, in *GetFunctionInput) []awswire.Ask {
	return d.onQualified(c, in.FunctionName, in.Qualifier)
}

func (d *door) onGetFunctionConfiguration(c ctx, in *GetFunctionConfigurationInput) []awswire.Ask {
	return d.onQualified(c, in.FunctionName, in.Qualifier)
}

// onQualified asks for a function, or for the version or alias of it that is named.
func (d *door) onQualified(c ctx, function string, qualifier *string) []awswire.Ask {
	ask := d.onFunction(c, function, qualifier)
	ask.Tags = d.setting(c, function).Tags
	return []awswire.Ask{ask}
}

func (d *door) onListVersions(c ctx, in *ListVersionsByFunctionInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onPublishVersion(c ctx, in *PublishVersionInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onCreateAlias(c ctx, in *CreateAliasInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onUpdateAlias(c ctx, in *UpdateAliasInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onDeleteAlias(c ctx, in *DeleteAliasInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onGetAlias(c ctx, in *GetAliasInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}

func (d *door) onListAliases(c ctx, in *ListAliasesInput) []awswire.Ask {
	return d.onSetting(c, in.FunctionName)
}
