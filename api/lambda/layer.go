package lambda

import (
	"strconv"

	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/page"
)

// mostListed is how many are listed at once where the caller does not say. Source: API Reference, MaxItems.
const mostListed = 50

// layer is what a call names, a layer or a version of it.
func (d *door) layer(c ctx, name string, version int64) (functions.LayerRef, error) {
	r, err := d.room.ParseLayer(awswire.CallerOf(c).Account, name)
	if err == nil && r.Version != 0 {
		err = InvalidParameterValueException.Newf("'%s' is not the name of a layer.", name)
	}
	r.Version = version
	return r, err
}

func (d *door) publishLayerVersion(c ctx, in *PublishLayerVersionInput) (*PublishLayerVersionOutput, error) {
	r, err := d.layer(c, in.LayerName, 0)
	if err != nil {
		return nil, err
	}
	l, err := d.room.PublishLayerOf(c, r, functions.LayerSettings{
		Description: awswire.Or(in.Description, ""), License: awswire.Or(in.LicenseInfo, ""),
		Runtimes: plain(in.CompatibleRuntimes), Architectures: plain(in.CompatibleArchitectures),
	}, functions.Code{Zip: in.Content.ZipFile, Object: objectOf(in.Content.S3Bucket, in.Content.S3Key, in.Content.S3ObjectVersion)})
	if err != nil {
		return nil, err
	}
	return d.layerVersion(l), nil
}

// plain are the values of an enum as strings.
func plain[S ~string](values []S) (list []string) {
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

func enum[S ~string](values []string) (list []S) {
	for _, v := range values {
		list = append(list, S(v))
	}
	return list
}

// layerVersion is a version as the wire has it.
func (d *door) layerVersion(l functions.Layer) *PublishLayerVersionOutput {
	item := d.layerItem(l)
	return &PublishLayerVersionOutput{
		CompatibleArchitectures: item.CompatibleArchitectures, CompatibleRuntimes: item.CompatibleRuntimes, CreatedDate: item.CreatedDate,
		Description: new(l.Settings.Description), LicenseInfo: item.LicenseInfo, Version: item.Version, LayerVersionArn: item.LayerVersionArn,
		LayerArn: new(d.room.LayerARN(functions.LayerRef{Account: l.Account, Name: l.Name})),
		Content:  &LayerVersionContentOutput{CodeSha256: new(l.CodeSha256()), CodeSize: &l.Size, Location: some(d.room.CodeLink(l.Account, l.Code))},
	}
}

func (d *door) layerItem(l functions.Layer) LayerVersionsListItem {
	return LayerVersionsListItem{
		CompatibleArchitectures: enum[Architecture](l.Settings.Architectures), CompatibleRuntimes: enum[Runtime](l.Settings.Runtimes), CreatedDate: new(stamp(l.Created)),
		Description: some(l.Settings.Description), LicenseInfo: some(l.Settings.License), LayerVersionArn: new(d.room.LayerARN(l.Ref())), Version: &l.Version,
	}
}

func (d *door) getLayerVersion(c ctx, in *GetLayerVersionInput) (*GetLayerVersionOutput, error) {
	r, err := d.layer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	l, err := d.room.GetLayer(c, r)
	if err != nil {
		return nil, err
	}
	return (*GetLayerVersionOutput)(d.layerVersion(l)), nil
}

func (d *door) getLayerVersionByArn(c ctx, in *GetLayerVersionByArnInput) (*GetLayerVersionByArnOutput, error) {
	r, err := d.room.ParseLayer(awswire.CallerOf(c).Account, in.Arn)
	if err != nil {
		return nil, err
	}
	l, err := d.room.GetLayer(c, r)
	if err != nil {
		return nil, err
	}
	return (*GetLayerVersionByArnOutput)(d.layerVersion(l)), nil
}

func (d *door) deleteLayerVersion(c ctx, in *DeleteLayerVersionInput) (*awswire.None, error) {
	r, err := d.layer(c, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	return nil, d.room.DeleteLayer(c, r)
}

func (d *door) listLayers(c ctx, in *ListLayersInput) (*ListLayersOutput, error) {
	after, err := page.Key("layers", awswire.Or(in.Marker, ""))
	if err != nil {
		return nil, err
	}
	limit := int(awswire.Or(in.MaxItems, mostListed))
	list, err := d.room.Layers(c, awswire.CallerOf(c).Account, filter(in.CompatibleRuntime, in.CompatibleArchitecture), after, limit+1)
	if err != nil {
		return nil, err
	}
	list, next := page.Cut(list, limit, func(l functions.Layer) string { return l.Name })
	out := &ListLayersOutput{Layers: []LayersListItem{}, NextMarker: some(page.Token("layers", next))}
	for _, l := range list {
		whole := functions.LayerRef{Account: l.Account, Name: l.Name}
		out.Layers = append(out.Layers, LayersListItem{LayerName: &l.Name, LayerArn: new(d.room.LayerARN(whole)), LatestMatchingVersion: new(d.layerItem(l))})
	}
	return out, nil
}

func filter(runtime *Runtime, architecture *Architecture) functions.LayerFilter {
	return functions.LayerFilter{Runtime: string(awswire.Or(runtime, "")), Architecture: string(awswire.Or(architecture, ""))}
}

func (d *door) listLayerVersions(c ctx, in *ListLayerVersionsInput) (*ListLayerVersionsOutput, error) {
	r, err := d.layer(c, in.LayerName, 0)
	if err != nil {
		return nil, err
	}
	what := "versions of layer " + d.room.LayerARN(r)
	key, err := page.Key(what, awswire.Or(in.Marker, ""))
	if err != nil {
		return nil, err
	}
	before, _ := strconv.ParseInt(key, 10, 64) // the key is one that Cut was given below; none is 0
	limit := int(awswire.Or(in.MaxItems, mostListed))
	list, err := d.room.LayerVersions(c, r, filter(in.CompatibleRuntime, in.CompatibleArchitecture), before, limit+1)
	if err != nil {
		return nil, err
	}
	list, next := page.Cut(list, limit, func(l functions.Layer) string { return strconv.FormatInt(l.Version, 10) })
	out := &ListLayerVersionsOutput{LayerVersions: []LayerVersionsListItem{}, NextMarker: some(page.Token(what, next))}
	for _, l := range list {
		out.LayerVersions = append(out.LayerVersions, d.layerItem(l))
	}
	return out, nil
}
