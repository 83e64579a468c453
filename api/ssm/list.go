package ssm

import (
	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/secrets"
)

// How many a page has that does not say.
const (
	defaultPage = 50
	defaultPath = 10
)

// token is NextToken: absent at the end of the listing.
func token(listing, next string) *string {
	if next == "" {
		return nil
	}
	return new(page.Token(listing, next))
}

func (d *door) describeParameters(c ctx, in *DescribeParametersInput) (*DescribeParametersOutput, error) {
	account := awswire.CallerOf(c).Account
	filters, err := listFilters(in)
	if err != nil {
		return nil, err
	}
	out, listing := &DescribeParametersOutput{Parameters: []ParameterMetadata{}}, "parameters of "+account
	if awswire.Or(in.Shared, false) {
		return out, nil // no account shares any
	}
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	found, next, err := d.room.ListParameters(c, account, filters, after, int(awswire.Or(in.MaxResults, defaultPage)))
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		out.Parameters = append(out.Parameters, wireMetadata(p))
	}
	out.NextToken = token(listing, next)
	return out, nil
}

// listFilters takes filters in either of the two forms.
func listFilters(in *DescribeParametersInput) ([]secrets.ParameterFilter, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, validation.New("You can use either Filters or ParameterFilters in a single request.")
	}
	filters := filtersOf(in.ParameterFilters)
	for _, f := range in.Filters {
		option := "Equals"
		if f.Key == ParametersFilterKeyName {
			option = "BeginsWith"
		}
		filters = append(filters, secrets.ParameterFilter{Key: string(f.Key), Option: option, Values: f.Values})
	}
	return filters, nil
}

func filtersOf(wire []ParameterStringFilter) []secrets.ParameterFilter {
	filters := make([]secrets.ParameterFilter, len(wire))
	for i, f := range wire {
		filters[i] = secrets.ParameterFilter{Key: f.Key, Option: awswire.Or(f.Option, ""), Values: f.Values}
	}
	return filters
}

func wireMetadata(p secrets.Parameter) ParameterMetadata {
	wire := ParameterMetadata{
		ARN: &p.ARN, DataType: &p.DataType, Description: some(p.Description), AllowedPattern: some(p.Pattern),
		LastModifiedDate: &p.Modified, LastModifiedUser: &p.ModifiedBy, Name: &p.Name, Policies: []ParameterInlinePolicy{},
		Tier: new(ParameterTier(p.Tier)), Type: new(ParameterType(p.Type)), Version: &p.Version,
	}
	if p.Type == secrets.TypeSecure {
		wire.KeyId = new(secrets.DefaultKey)
	}
	return wire
}

func (d *door) getParametersByPath(c ctx, in *GetParametersByPathInput) (*GetParametersByPathOutput, error) {
	account := awswire.CallerOf(c).Account
	listing := "parameters of " + account + " below " + in.Path
	after, err := page.Key(listing, awswire.Or(in.NextToken, ""))
	if err != nil {
		return nil, err
	}
	found, next, err := d.room.ParametersByPath(c, account, in.Path, awswire.Or(in.Recursive, false), awswire.Or(in.WithDecryption, false),
		filtersOf(in.ParameterFilters), after, int(awswire.Or(in.MaxResults, defaultPath)))
	if err != nil {
		return nil, err
	}
	out := &GetParametersByPathOutput{Parameters: make([]Parameter, len(found)), NextToken: token(listing, next)}
	for i, p := range found {
		out.Parameters[i] = wireParameter(p, "")
	}
	return out, nil
}

// some is nil for "", which the wire leaves out.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
