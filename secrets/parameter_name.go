package secrets

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"slipway/internal/arn"
	"slipway/internal/errs"
	"slipway/internal/lazyregexp"
)

// ParameterRef names a parameter, and may select one of its versions by number or label.
type ParameterRef struct {
	Account  string
	Name     string // "" is that of none
	Selector string // "3", "prod", or ""

	text string // as it was given
	bare bool   // it comes from an ARN, where "name" may stand for "/name"
}

const parameterPrefix = "parameter/"

// ParameterRef reads the name of a parameter as GetParameter takes it: the name or the ARN, with the number
// or the label of a version after a colon. A name is the account's. An ARN of another region, or of what is
// no parameter, names none.
func (c *Control) ParameterRef(account, text string) ParameterRef {
	if !arn.Is(text) {
		name, selector, _ := strings.Cut(text, ":")
		return ParameterRef{Account: account, Name: name, Selector: selector, text: text}
	}
	a, err := arn.Parse(text)
	name, isParameter := strings.CutPrefix(a.Resource, parameterPrefix)
	if err != nil || !isParameter || a.Service != "ssm" || a.Region != c.region || name == "" {
		return ParameterRef{Account: account, text: text}
	}
	name, selector, _ := strings.Cut(name, ":")
	if strings.Contains(name, "/") {
		name = "/" + name
	}
	return ParameterRef{Account: a.Account, Name: name, Selector: selector, text: text, bare: name[0] != '/'}
}

// names are the names that a reference may mean, the first first.
func (r ParameterRef) names() []string {
	if r.bare {
		return []string{r.Name, "/" + r.Name}
	}
	return []string{r.Name}
}

func (r ParameterRef) missing() error {
	return errs.Say(ErrNoParameter, "Parameter %s not found.", cmp.Or(r.text, r.Name))
}

// missingVersion is what AWS says of a number, and in the same words of a label.
func (r ParameterRef) missingVersion() error {
	kind := "version"
	if _, err := strconv.ParseInt(r.Selector, 10, 64); err != nil {
		kind = "label"
	}
	return errs.Say(ErrNoVersion, "Systems Manager could not find %s %s of %s. Verify the %s and try again.", kind, r.Selector, r.Name, kind)
}

func isMissing(err error) bool {
	return errors.Is(err, ErrNoParameter) || errors.Is(err, ErrNoVersion)
}

const (
	maxLevels       = 15
	maxParameterARN = 1011 // characters
)

var parameterForm = lazyregexp.New(`^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$`)

const (
	rootedName = "Parameter name must be a fully qualified name."
	nameRules  = `Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`
	plainRules = `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`
)

// checkParameterName refuses what no parameter can be called.
// Source: AWS Systems Manager User Guide, "Requirements and constraints for parameter names".
func (c *Control) checkParameterName(account, name string) error {
	levels := strings.Count(name, "/")
	first := strings.ToLower(strings.TrimPrefix(name, "/"))
	reserved := strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm")
	switch {
	case reserved && strings.HasPrefix(first, "aws") && levels > 1:
		return errs.Say(ErrReserved, "No access to reserved parameter name: %s.", name)
	case reserved && levels > 1:
		return errs.Say(ErrParameter, nameRules)
	case reserved:
		return errs.Say(ErrParameter, plainRules)
	case levels > 0 && name[0] != '/':
		return errs.Say(ErrParameter, rootedName)
	case !parameterForm.MatchString(name):
		return errs.Say(ErrParameter, nameRules)
	case levels > maxLevels:
		return errs.Say(ErrLevels, "A hierarchy can have a maximum of %d levels. For more information, see Requirements and constraints for parameter names in the AWS Systems Manager User Guide.", maxLevels)
	case len(c.ParameterARN(account, name)) > maxParameterARN:
		return errs.Say(ErrParameter, "Parameter name: the ARN of the parameter can't be longer than %d characters.", maxParameterARN)
	}
	return nil
}
