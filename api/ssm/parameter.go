package ssm

import (
	"strconv"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/secrets"
)

func (d *door) putParameter(c ctx, in *PutParameterInput) (*PutParameterOutput, error) {
	if err := checkHonoured(in); err != nil {
		return nil, err
	}
	who := awswire.CallerOf(c)
	version, tier, err := d.room.PutParameter(c, secrets.NewParameter{
		Account: who.Account, Name: in.Name, Value: in.Value, By: who.ARN,
		Type: string(awswire.Or(in.Type, "")), Tier: string(awswire.Or(in.Tier, "")),
		Description: in.Description, Pattern: awswire.Or(in.AllowedPattern, ""),
		Tags: tagsOf(in.Tags), Overwrite: awswire.Or(in.Overwrite, false),
	})
	if err != nil {
		return nil, err
	}
	return &PutParameterOutput{Tier: new(ParameterTier(tier)), Version: &version}, nil
}

// checkHonoured refuses what Slipway would otherwise silently not do.
func checkHonoured(in *PutParameterInput) error {
	kind, key := awswire.Or(in.DataType, secrets.DataTypeText), awswire.Or(in.KeyId, secrets.DefaultKey)
	switch {
	case kind == "aws:ec2:image", kind == "aws:ssm:integration":
		return unsupported("The data type " + kind)
	case kind != "" && kind != secrets.DataTypeText:
		return validation.Newf("The following data type is not supported: %s (Data type names are all lowercase.)", kind)
	case in.KeyId != nil && awswire.Or(in.Type, ParameterTypeSecureString) != ParameterTypeSecureString:
		return validation.New("KeyId is required for SecureString type parameter only.")
	case key != secrets.DefaultKey:
		return InvalidKeyId.Newf("The key %s is not supported by Slipway: values are sealed under its own keys. Leave KeyId out.", key)
	case in.Policies != nil && *in.Policies != "[]" && *in.Policies != "{}":
		return unsupported("Policies")
	}
	return nil
}

func (d *door) getParameter(c ctx, in *GetParameterInput) (*GetParameterOutput, error) {
	ref := d.ref(c, in.Name)
	p, err := d.room.Parameter(c, ref, awswire.Or(in.WithDecryption, false))
	if err != nil {
		return nil, err
	}
	return &GetParameterOutput{Parameter: new(wireParameter(p, ref.Selector))}, nil
}

// wireParameter is a parameter as whoever asked by a selector, or "", is told it.
func wireParameter(p secrets.Parameter, selector string) Parameter {
	wire := Parameter{
		ARN: &p.ARN, DataType: &p.DataType, LastModifiedDate: &p.Modified, Name: &p.Name,
		Type: new(ParameterType(p.Type)), Value: &p.Value, Version: &p.Version,
	}
	if selector != "" {
		wire.Selector = new(":" + selector)
	}
	return wire
}

func (d *door) getParameters(c ctx, in *GetParametersInput) (*GetParametersOutput, error) {
	refs := d.refs(c, in.Names)
	found, err := d.room.Parameters(c, refs, awswire.Or(in.WithDecryption, false))
	if err != nil {
		return nil, err
	}
	out := &GetParametersOutput{InvalidParameters: []string{}, Parameters: []Parameter{}}
	for i, ref := range refs {
		p, ok := found[ref]
		if !ok {
			out.InvalidParameters = append(out.InvalidParameters, in.Names[i])
			continue
		}
		out.Parameters = append(out.Parameters, wireParameter(p, ref.Selector))
	}
	return out, nil
}

func (d *door) getParameterHistory(c ctx, in *GetParameterHistoryInput) (*GetParameterHistoryOutput, error) {
	ref := d.ref(c, in.Name)
	listing := "versions of " + d.room.ParameterARN(ref.Account, ref.Name)
	key, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	after, limit := int64(0), int(awswire.Or(in.MaxResults, defaultPage))
	if key != "" {
		if after, err = strconv.ParseInt(key, 10, 64); err != nil {
			return nil, page.ErrToken
		}
	}
	versions, err := d.room.History(c, ref, awswire.Or(in.WithDecryption, false), after, limit+1)
	if err != nil {
		return nil, err
	}
	versions, next := page.Cut(versions, limit, func(p secrets.Parameter) string { return strconv.FormatInt(p.Version, 10) })
	out := &GetParameterHistoryOutput{Parameters: make([]ParameterHistory, len(versions)), NextToken: token(listing, next)}
	for i, p := range versions {
		out.Parameters[i] = wireHistory(p)
	}
	return out, nil
}

func wireHistory(p secrets.Parameter) ParameterHistory {
	m := wireMetadata(p)
	return ParameterHistory{
		AllowedPattern: m.AllowedPattern, DataType: m.DataType, Description: m.Description, KeyId: m.KeyId, Labels: p.Labels,
		LastModifiedDate: m.LastModifiedDate, LastModifiedUser: m.LastModifiedUser, Name: m.Name, Policies: m.Policies,
		Tier: m.Tier, Type: m.Type, Value: &p.Value, Version: m.Version,
	}
}

func (d *door) deleteParameter(c ctx, in *DeleteParameterInput) (*DeleteParameterOutput, error) {
	return nil, d.room.DeleteParameter(c, d.ref(c, in.Name))
}

func (d *door) deleteParameters(c ctx, in *DeleteParametersInput) (*DeleteParametersOutput, error) {
	refs := d.refs(c, in.Names)
	deleted, err := d.room.DeleteParameters(c, refs)
	if err != nil {
		return nil, err
	}
	out := &DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for i, ref := range refs {
		if len(deleted) > 0 && deleted[0] == ref {
			deleted = deleted[1:]
			out.DeletedParameters = append(out.DeletedParameters, in.Names[i])
			continue
		}
		out.InvalidParameters = append(out.InvalidParameters, in.Names[i])
	}
	return out, nil
}

func (d *door) labelParameterVersion(c ctx, in *LabelParameterVersionInput) (*LabelParameterVersionOutput, error) {
	version, invalid, err := d.room.Label(c, d.ref(c, in.Name), awswire.Or(in.ParameterVersion, 0), in.Labels)
	if err != nil {
		return nil, err
	}
	return &LabelParameterVersionOutput{InvalidLabels: listed(invalid), ParameterVersion: &version}, nil
}

func (d *door) unlabelParameterVersion(c ctx, in *UnlabelParameterVersionInput) (*UnlabelParameterVersionOutput, error) {
	removed, invalid, err := d.room.Unlabel(c, d.ref(c, in.Name), in.ParameterVersion, in.Labels)
	if err != nil {
		return nil, err
	}
	return &UnlabelParameterVersionOutput{InvalidLabels: listed(invalid), RemovedLabels: listed(removed)}, nil
}

// listed is a list that is there, and has nothing in it, where it is nil.
func listed(texts []string) []string { return append([]string{}, texts...) }
