package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/page"
)

func (d *door) createFunction(c ctx, in *CreateFunctionInput) (*CreateFunctionOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err == nil && r.Qualifier != "" {
		err = InvalidParameterValueException.Newf("The name of the function has a qualifier: %s", in.FunctionName)
	}
	if err == nil {
		err = refuseCreate(in)
	}
	if err != nil {
		return nil, err
	}
	n := functions.NewFunction{
		Account: r.Account, Name: r.Name, Layers: in.Layers, Tags: in.Tags, Publish: awswire.Or(in.Publish, false),
		Code: functions.Code{Zip: in.Code.ZipFile, Image: awswire.Or(in.Code.ImageUri, ""), Object: objectOf(in.Code.S3Bucket, in.Code.S3Key, in.Code.S3ObjectVersion)},
	}
	if in.Environment != nil {
		n.Env = in.Environment.Variables
	}
	n.Settings.Packaged = awswire.Or(in.PackageType, PackageTypeZip) == PackageTypeImage
	settingsOf(in).edit(&n.Settings)
	if !n.Settings.Packaged && in.Code.ZipFile == nil && in.Code.ImageUri == nil && n.Code.Object == (functions.Object{}) {
		return nil, InvalidParameterValueException.New("Please provide a source for function code.")
	}
	v, err := d.room.CreateFunction(c, n)
	if err != nil {
		return nil, err
	}
	return (*CreateFunctionOutput)(d.configuration(v, "")), nil
}

func (d *door) getFunction(c ctx, in *GetFunctionInput) (*GetFunctionOutput, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	v, err := d.room.Version(c, r)
	if err != nil {
		return nil, err
	}
	tags, err := d.room.Tags(c, r.Whole())
	if err != nil {
		return nil, err
	}
	out := &GetFunctionOutput{Configuration: d.configuration(v, r.Qualifier), Code: d.location(v)}
	if len(tags) > 0 {
		out.Tags = tags
	}
	reserved, err := d.room.Reserved(c, r)
	if reserved >= 0 {
		out.Concurrency = &Concurrency{ReservedConcurrentExecutions: new(int32(reserved))}
	}
	return out, err
}

// location is where the code of a version is had from.
func (d *door) location(v functions.Version) *FunctionCodeLocation {
	if v.Settings.Packaged {
		return &FunctionCodeLocation{RepositoryType: new("ECR"), ImageUri: &v.Settings.ImageURI, ResolvedImageUri: &v.Image}
	}
	return &FunctionCodeLocation{RepositoryType: new("S3"), Location: new(d.room.CodeLink(v.Account, v.Code))}
}

func (d *door) getFunctionConfiguration(c ctx, in *GetFunctionConfigurationInput) (*GetFunctionConfigurationOutput, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	v, err := d.room.Version(c, r)
	if err != nil {
		return nil, err
	}
	return (*GetFunctionConfigurationOutput)(d.configuration(v, r.Qualifier)), nil
}

func (d *door) updateFunctionCode(c ctx, in *UpdateFunctionCodeInput) (*UpdateFunctionCodeOutput, error) {
	r, err := d.unpublished(c, in.FunctionName)
	if err == nil {
		err = refuseCode(in.SourceKMSKeyArn)
	}
	if err == nil && in.PublishTo != nil {
		err = unsupported("PublishTo")
	}
	if err != nil {
		return nil, err
	}
	n := functions.NewCode{
		Code:    functions.Code{Zip: in.ZipFile, Image: awswire.Or(in.ImageUri, ""), Object: objectOf(in.S3Bucket, in.S3Key, in.S3ObjectVersion)},
		Publish: awswire.Or(in.Publish, false), DryRun: awswire.Or(in.DryRun, false),
	}
	if len(in.Architectures) > 0 {
		n.Architecture = string(in.Architectures[0])
	}
	v, err := d.room.UpdateCode(c, r, n, functions.Precondition{Revision: awswire.Or(in.RevisionId, "")})
	if err != nil {
		return nil, err
	}
	return (*UpdateFunctionCodeOutput)(d.configuration(v, published(v))), nil
}

// published is the qualifier of a version that was published, and "" of $LATEST.
func published(v functions.Version) string {
	if v.Number == 0 {
		return ""
	}
	return v.Qualifier()
}

func (d *door) updateFunctionConfiguration(c ctx, in *UpdateFunctionConfigurationInput) (*UpdateFunctionConfigurationOutput, error) {
	r, err := d.unpublished(c, in.FunctionName)
	if err == nil {
		err = refuseUpdate(in)
	}
	if err != nil {
		return nil, err
	}
	n := functions.NewSettings{Edit: settingsOf(in).edit}
	if in.Layers != nil {
		n.Layers = &in.Layers
	}
	if in.Environment != nil {
		n.Env = new(functions.Environment(in.Environment.Variables))
	}
	v, err := d.room.UpdateSettings(c, r, n, functions.Precondition{Revision: awswire.Or(in.RevisionId, "")})
	if err != nil {
		return nil, err
	}
	return (*UpdateFunctionConfigurationOutput)(d.configuration(v, "")), nil
}

// statusDeleted is what who deletes a function is answered.
const statusDeleted = 204

func (d *door) deleteFunction(c ctx, in *DeleteFunctionInput) (*DeleteFunctionOutput, error) {
	r, err := d.ref(c, in.FunctionName, in.Qualifier)
	if err == nil {
		err = d.room.Delete(c, r)
	}
	return &DeleteFunctionOutput{StatusCode: new(int32(statusDeleted))}, err
}

func (d *door) listFunctions(c ctx, in *ListFunctionsInput) (*ListFunctionsOutput, error) {
	account, all := awswire.CallerOf(c).Account, in.FunctionVersion != nil
	if in.MasterRegion != nil && *in.MasterRegion != "ALL" && *in.MasterRegion != d.region {
		return &ListFunctionsOutput{Functions: []FunctionConfiguration{}}, nil // nothing is copied from other regions
	}
	const what = "functions"
	p, err := pageOf(what, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	list, next, err := d.room.Functions(c, account, all, p)
	if err != nil {
		return nil, err
	}
	out := &ListFunctionsOutput{Functions: []FunctionConfiguration{}, NextMarker: some(page.Token(what, next))}
	for _, v := range list {
		out.Functions = append(out.Functions, *d.listed(v, all))
	}
	return out, nil
}

// pageOf is which part of a listing is asked for. Source: Lambda API, ListFunctions: never more than 50 at once.
func pageOf(what string, marker *string, size *int32) (functions.Page, error) {
	after, err := page.Key(what, awswire.Or(marker, ""))
	return functions.Page{After: after, Limit: min(int(awswire.Or(size, mostListed)), mostListed)}, err
}
