package secrets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/page"
	"slipway/store"
)

// SecretFilter lets secrets through that have one of some values. Source: AWS Secrets Manager API Reference,
// "Filter": values are prefixes, and those that begin with ! are what a secret is not to have.
type SecretFilter struct {
	Key    string // one of the keys below
	Values []string
}

// Keys of filters of secrets.
const (
	SecretName        = "name"
	SecretDescription = "description"
	SecretTagKey      = "tag-key"
	SecretTagValue    = "tag-value"
	SecretAny         = "all" // words, each of which any of the above has
)

func (f SecretFilter) lets(s Secret) bool {
	wanted := false
	for _, value := range f.Values {
		not, refused := strings.CutPrefix(value, "!")
		switch {
		case refused && f.matches(s, not):
			return false
		case refused, f.matches(s, value):
			wanted = true
		}
	}
	return wanted
}

func (f SecretFilter) matches(s Secret, value string) bool {
	lower := strings.ToLower(value)
	starts := func(text string) bool { return strings.HasPrefix(text, value) }
	startsLower := func(text string) bool { return strings.HasPrefix(strings.ToLower(text), lower) }
	switch f.Key {
	case SecretName:
		return starts(s.Name)
	case SecretDescription:
		return startsLower(s.Description)
	case SecretTagKey, SecretTagValue:
		return anyTag(s.Tags, f.Key == SecretTagKey, starts)
	case SecretAny:
		return s.hasWords(strings.Fields(lower))
	}
	return false // the keys that remain are of what no secret here has
}

func anyTag(tags map[string]string, keys bool, starts func(string) bool) bool {
	for key, value := range tags {
		if keys && starts(key) || !keys && starts(value) {
			return true
		}
	}
	return false
}

// hasWords reports whether each word begins one of the secret's.
func (s Secret) hasWords(words []string) bool {
	text := s.Name + " " + s.Description
	for key, value := range s.Tags {
		text += " " + key + " " + value
	}
	own := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" /_+=.@-", r) })
	own = append(own, strings.Fields(strings.ToLower(text))...)
	for _, word := range words {
		if !slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(o, word) }) {
			return false
		}
	}
	return true
}

// What listings are ordered by.
const (
	OrderCreated  = "created"
	OrderChanged  = "changed"
	OrderAccessed = "accessed"
	OrderName     = "name"
)

// SecretQuery is which secrets are listed.
type SecretQuery struct {
	Filters    []SecretFilter // a secret passes all
	Deleted    bool           // those that are to go as well
	Order      string         // one of the orders
	Descending bool
	After      string // where the page before it ended; "": at the start
	Limit      int
}

// ListSecrets lists secrets without their values, and where the next page goes on, or "". It returns
// page.ErrToken for an After that it did not give out.
func (c *Control) ListSecrets(ctx context.Context, account string, q SecretQuery) (found []Secret, next string, err error) {
	where, args, err := q.after(account)
	if err != nil {
		return nil, "", err
	}
	if prefix := q.prefix(); prefix != "" { // so that no others are read
		where += fmt.Sprintf(" and name >= $%d and name < $%d", len(args)+1, len(args)+2)
		args = append(args, []byte(prefix), append([]byte(prefix), 0xff)) // which no name has
	}
	direction := "asc"
	if q.Descending {
		direction = "desc"
	}
	query := fmt.Sprintf(`select %s from secrets_secrets where account = $1 %s order by %s %s, id %s`, secretColumns, where, q.Order, direction, direction)
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found = nil
		err := tx.Each(query, args, func(rows *sql.Rows) error {
			s, err := c.scanSecret(rows)
			if err != nil || !q.wants(s) {
				return err
			}
			if found = append(found, s); len(found) > q.Limit {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		found, next = page.Cut(found, q.Limit, q.key)
		return readStages(tx, found)
	})
	return found, next, err
}

// prefix is what the names of all that passes begin with.
func (q SecretQuery) prefix() string {
	for _, f := range q.Filters {
		if f.Key == SecretName && len(f.Values) == 1 && !strings.HasPrefix(f.Values[0], "!") {
			return f.Values[0]
		}
	}
	return ""
}

func (q SecretQuery) wants(s Secret) bool {
	if !q.Deleted && !s.Due.IsZero() {
		return false
	}
	for _, f := range q.Filters {
		if !f.lets(s) {
			return false
		}
	}
	return true
}

// key is the place of a secret in the order.
func (q SecretQuery) key(s Secret) string {
	switch q.Order {
	case OrderName:
		return s.id + "/" + s.Name
	case OrderChanged:
		return s.id + "/" + strconv.FormatInt(store.Micros(s.Changed), 10)
	case OrderAccessed:
		return s.id + "/" + strconv.FormatInt(store.Micros(s.Accessed), 10)
	}
	return s.id + "/" + strconv.FormatInt(store.Micros(s.Created), 10)
}

// after is the condition on rows that come after a place, and its arguments.
func (q SecretQuery) after(account string) (where string, args []any, err error) {
	if q.After == "" {
		return "", []any{account}, nil
	}
	id, place, _ := strings.Cut(q.After, "/")
	var from any = []byte(place)
	if q.Order != OrderName {
		if from, err = strconv.ParseInt(place, 10, 64); err != nil {
			return "", nil, fmt.Errorf("%w: %s", page.ErrToken, q.After)
		}
	}
	than := ">"
	if q.Descending {
		than = "<"
	}
	return fmt.Sprintf("and (%s, id) %s ($2, $3)", q.Order, than), []any{account, from, id}, nil
}
