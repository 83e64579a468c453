package secretsmanager

import (
	"fmt"

	"slipway/api/awswire"
	"slipway/internal/page"
	"slipway/secrets"
)

// How many a page has that does not say.
const (
	defaultPage = 100
	maxBatch    = 20
)

// token is NextToken: absent at the end of the listing.
func token(listing, next string) *string {
	if next == "" {
		return nil
	}
	return new(page.Token(listing, next))
}

var orders = map[SortByType]string{
	SortByTypeCreatedDate:      secrets.OrderCreated,
	SortByTypeLastChangedDate:  secrets.OrderChanged,
	SortByTypeLastAccessedDate: secrets.OrderAccessed,
	SortByTypeName:             secrets.OrderName,
}

func (d *door) listSecrets(c ctx, in *ListSecretsInput) (*ListSecretsOutput, error) {
	account := awswire.CallerOf(c).Account
	q := secrets.SecretQuery{
		Deleted: awswire.Or(in.IncludePlannedDeletion, false), Order: orders[awswire.Or(in.SortBy, SortByTypeCreatedDate)],
		Descending: awswire.Or(in.SortOrder, SortOrderTypeAsc) == SortOrderTypeDesc, Limit: int(awswire.Or(in.MaxResults, defaultPage)),
	}
	var err error
	if q.Filters, err = filtersOf(in.Filters); err != nil {
		return nil, err
	}
	listing := fmt.Sprintf("secrets of %s by %s %v", account, q.Order, q.Descending)
	if q.After, err = page.Key(listing, awswire.Or(in.NextToken, "")); err != nil {
		return nil, err
	}
	found, next, err := d.room.ListSecrets(c, account, q)
	if err != nil {
		return nil, err
	}
	out := &ListSecretsOutput{SecretList: make([]SecretListEntry, len(found)), NextToken: token(listing, next)}
	for i, s := range found {
		out.SecretList[i] = wireSecret(s)
	}
	return out, nil
}

func filtersOf(wire []Filter) ([]secrets.SecretFilter, error) {
	filters := make([]secrets.SecretFilter, len(wire))
	for i, f := range wire {
		if f.Key == nil || len(f.Values) == 0 {
			return nil, InvalidParameterException.New("Filters must have a key and at least one value.")
		}
		filters[i] = secrets.SecretFilter{Key: string(*f.Key), Values: f.Values}
	}
	return filters, nil
}
