package lambda

import (
	"slipway/api/awswire"
	"slipway/functions"
	"slipway/internal/page"
)

// alias is an alias as the wire has it.
func (d *door) alias(r functions.Ref, a functions.Alias) *AliasConfiguration {
	r.Qualifier = a.Name
	out := &AliasConfiguration{AliasArn: new(d.room.ARN(r)), Name: &a.Name, Description: &a.Description, FunctionVersion: new(a.Qualifier()), RevisionId: &a.Revision}
	if shares := a.Shares(); shares != nil {
		out.RoutingConfig = &AliasRoutingConfiguration{AdditionalVersionWeights: shares}
	}
	return out
}

// shares are the shares that a call says something of.
func shares(routing *AliasRoutingConfiguration) *map[string]float64 {
	if routing == nil {
		return nil
	}
	return &routing.AdditionalVersionWeights
}

// aliasRef is the alias that a call names.
func (d *door) aliasRef(c ctx, function, name string) (functions.Ref, error) {
	r, err := d.ref(c, function, nil)
	r.Qualifier = name
	return r, err
}

func (d *door) createAlias(c ctx, in *CreateAliasInput) (*CreateAliasOutput, error) {
	r, err := d.aliasRef(c, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	a, err := d.room.CreateAlias(c, r, functions.NewAlias{Version: &in.FunctionVersion, Shares: shares(in.RoutingConfig), Description: in.Description})
	if err != nil {
		return nil, err
	}
	return (*CreateAliasOutput)(d.alias(r, a)), nil
}

func (d *door) updateAlias(c ctx, in *UpdateAliasInput) (*UpdateAliasOutput, error) {
	r, err := d.aliasRef(c, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	n := functions.NewAlias{Version: in.FunctionVersion, Shares: shares(in.RoutingConfig), Description: in.Description}
	a, err := d.room.UpdateAlias(c, r, n, functions.Precondition{Revision: awswire.Or(in.RevisionId, "")})
	if err != nil {
		return nil, err
	}
	return (*UpdateAliasOutput)(d.alias(r, a)), nil
}

func (d *door) getAlias(c ctx, in *GetAliasInput) (*GetAliasOutput, error) {
	r, err := d.aliasRef(c, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	a, err := d.room.Alias(c, r)
	if err != nil {
		return nil, err
	}
	return (*GetAliasOutput)(d.alias(r, a)), nil
}

func (d *door) deleteAlias(c ctx, in *DeleteAliasInput) (*awswire.None, error) {
	r, err := d.aliasRef(c, in.FunctionName, in.Name)
	if err == nil {
		err = d.room.DeleteAlias(c, r)
	}
	return nil, err
}

func (d *door) listAliases(c ctx, in *ListAliasesInput) (*ListAliasesOutput, error) {
	r, err := d.ref(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	what := "aliases of " + d.room.ARN(r.Whole())
	p, err := pageOf(what, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	list, next, err := d.room.Aliases(c, r, awswire.Or(in.FunctionVersion, ""), p)
	if err != nil {
		return nil, err
	}
	out := &ListAliasesOutput{Aliases: []AliasConfiguration{}, NextMarker: some(page.Token(what, next))}
	for _, a := range list {
		out.Aliases = append(out.Aliases, *d.alias(r, a))
	}
	return out, nil
}
