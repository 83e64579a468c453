package secrets

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"slipway/internal/errs"
	"slipway/store"
)

// Keys of filters, and "tag:KEY" for the values of a tag.
const (
	ByName     = "Name"
	ByType     = "Type"
	ByKey      = "KeyId"
	ByPath     = "Path"
	ByLabel    = "Label"
	ByTier     = "Tier"
	ByDataType = "DataType"
	tagFilter  = "tag:"
)

// DefaultKey is what AWS calls the key of parameters that name none: all values are sealed alike.
const DefaultKey = "alias/aws/ssm"

// ParameterFilter lets parameters through that have one of some values. Source: AWS Systems Manager API
// Reference, "ParameterStringFilter".
type ParameterFilter struct {
	Key    string
	Option string   // Equals, BeginsWith, Contains; of ByPath: OneLevel, Recursive; "": Equals, OneLevel
	Values []string // none, of a tag: any
}

// filterOptions are what each key can be compared by; the first is the default.
var filterOptions = map[string][]string{
	ByName:     {"Equals", "BeginsWith", "Contains"},
	ByType:     {"Equals", "BeginsWith"},
	ByKey:      {"Equals", "BeginsWith"},
	ByPath:     {"OneLevel", "Recursive"},
	ByLabel:    {"Equals", "BeginsWith"},
	ByTier:     {"Equals", "BeginsWith"},
	ByDataType: {"Equals", "BeginsWith"},
	tagFilter:  {"Equals", "BeginsWith"},
}

var (
	listKeys = []string{ByPath, ByName, ByType, ByKey, ByTier, ByDataType, tagFilter}
	pathKeys = []string{ByType, ByKey, ByLabel}
)

const maxFilters = 50

func (f ParameterFilter) kind() string {
	if strings.HasPrefix(f.Key, tagFilter) {
		return tagFilter
	}
	return f.Key
}

// checkFilters refuses filters that a listing has not, and fills in what they leave out.
func checkFilters(filters []ParameterFilter, keys []string) ([]ParameterFilter, error) {
	if len(filters) > maxFilters {
		return nil, errs.Say(ErrFilterKey, "There are %d filters: at most %d are taken.", len(filters), maxFilters)
	}
	filters = slices.Clone(filters)
	for i := range filters {
		f := &filters[i]
		if !slices.Contains(keys, f.kind()) {
			return nil, errs.Say(ErrFilterKey, "The following filter key is not valid: %s. Valid filter keys include: [%s].", f.Key, strings.Join(keys, ", "))
		}
		options := filterOptions[f.kind()]
		if f.Option == "" {
			f.Option = options[0]
		}
		if !slices.Contains(options, f.Option) {
			return nil, errs.Say(ErrFilterOption, "The following filter option is not valid: %s. Valid options include: [%s].", f.Option, strings.Join(options, ", "))
		}
		if len(f.Values) == 0 && f.kind() != tagFilter {
			return nil, errs.Say(ErrFilterValue, "The following filter values are missing: null for filter key %s.", f.Key)
		}
	}
	return filters, nil
}

// lets reports whether a parameter passes.
func (f ParameterFilter) lets(p Parameter) bool {
	switch f.kind() {
	case ByPath:
		return slices.ContainsFunc(f.Values, func(path string) bool { return under(p.Name, path, f.Option == "Recursive") })
	case ByLabel:
		return slices.ContainsFunc(p.Labels, f.matches)
	case tagFilter:
		value, has := p.tags[strings.TrimPrefix(f.Key, tagFilter)]
		return has && (len(f.Values) == 0 || f.matches(value))
	case ByKey:
		return p.Type == TypeSecure && f.matches(DefaultKey)
	}
	return f.matches(map[string]string{ByName: p.Name, ByType: p.Type, ByTier: p.Tier, ByDataType: p.DataType}[f.Key])
}

func (f ParameterFilter) matches(value string) bool {
	compare := map[string]func(s, part string) bool{
		"Equals":     func(s, part string) bool { return s == part },
		"BeginsWith": strings.HasPrefix,
		"Contains":   strings.Contains,
	}[f.Option]
	return slices.ContainsFunc(f.Values, func(want string) bool { return compare(value, want) })
}

// under reports whether a name is below a path: anywhere, or on its next level.
func under(name, path string, recursive bool) bool {
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	rest, below := strings.CutPrefix(name, path)
	return below && rest != "" && (recursive || !strings.Contains(rest, "/"))
}

// ListParameters reads at most limit newest versions, without their values, whose names come after one, in
// the order of names, and the name after which the next page goes on, or "". It returns ErrFilterKey,
// ErrFilterOption or ErrFilterValue.
func (c *Control) ListParameters(ctx context.Context, account string, filters []ParameterFilter, after string, limit int) (found []Parameter, next string, err error) {
	if filters, err = checkFilters(filters, listKeys); err != nil {
		return nil, "", err
	}
	return c.scanParameters(ctx, parameterScan{account: account, prefix: prefixOf(filters), after: after, limit: limit}, func(p Parameter) bool { return passes(filters, p) })
}

// prefixOf is what the names of all that passes begin with, so that no others are read.
func prefixOf(filters []ParameterFilter) (longest string) {
	for _, f := range filters {
		prefix := ""
		switch {
		case len(f.Values) != 1:
		case f.Key == ByName && f.Option != "Contains":
			prefix = f.Values[0]
		case f.Key == ByPath:
			prefix = strings.TrimSuffix(f.Values[0], "/") + "/"
		}
		if len(prefix) > len(longest) {
			longest = prefix
		}
	}
	return longest
}

const pathRules = `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`

// ParametersByPath reads the parameters below a path as ListParameters does, with their values as Parameter
// does. Where a filter asks for labels, it reads the versions that have them. It returns ErrParameter and
// what ListParameters does.
func (c *Control) ParametersByPath(ctx context.Context, account, path string, recursive, decrypt bool, filters []ParameterFilter, after string, limit int) (found []Parameter, next string, err error) {
	if path != "/" && (!strings.HasPrefix(path, "/") || !parameterForm.MatchString(strings.TrimSuffix(path, "/"))) {
		return nil, "", errs.Say(ErrParameter, pathRules)
	}
	if filters, err = checkFilters(filters, pathKeys); err != nil {
		return nil, "", err
	}
	labelled := slices.ContainsFunc(filters, func(f ParameterFilter) bool { return f.Key == ByLabel })
	found, next, err = c.scanParameters(ctx, parameterScan{account, strings.TrimSuffix(path, "/") + "/", after, labelled, true, limit}, func(p Parameter) bool {
		return under(p.Name, path, recursive) && passes(filters, p)
	})
	for i := range found {
		if err == nil {
			err = c.reveal(ctx, &found[i], decrypt)
		}
	}
	return found, next, err
}

func passes(filters []ParameterFilter, p Parameter) bool {
	for _, f := range filters {
		if !f.lets(p) {
			return false
		}
	}
	return true
}

// parameterScan is which rows are looked at.
type parameterScan struct {
	account, prefix string // of names
	after           string
	versions        bool // those with labels, not the newest
	values          bool // are read as well
	limit           int
}

var errEnough = errors.New("enough")

// scanParameters reads rows in the order of names until it has as many as it may return, and the versions of
// the last of them.
func (c *Control) scanParameters(ctx context.Context, s parameterScan, want func(Parameter) bool) (found []Parameter, next string, err error) {
	join := `v.parameter = p.id and v.version = p.version`
	if s.versions {
		join = `v.parameter = p.id and v.labels <> '[]'`
	}
	begin, end := max(s.prefix, s.after+"\x00"), append([]byte(s.prefix), 0xff) // after all that come before, and those that begin so
	err = c.db.View(ctx, func(tx *store.Tx) error {
		found, next = nil, ""
		err := tx.Each(`select `+parameterColumns+` from secrets_parameters p join secrets_parameter_versions v on `+join+`
			where p.account = $1 and p.name >= $2 and p.name < $3 order by p.name, v.version`,
			[]any{s.account, []byte(begin), end}, func(rows *sql.Rows) error {
				p, err := c.scanParameter(rows)
				if err != nil || !want(p) {
					return err
				}
				if n := len(found); n >= s.limit && found[n-1].Name != p.Name {
					next = found[n-1].Name
					return errEnough
				}
				found = append(found, p)
				return nil
			})
		if errors.Is(err, errEnough) {
			err = nil
		}
		for i := range found {
			if err == nil && s.values {
				err = readSealed(tx, &found[i])
			}
		}
		return err
	})
	return found, next, err
}
