package functions

import (
	"strings"

	"slipway/internal/arn"
	"slipway/internal/errs"
)

// Ref names a function, or a version or an alias of one.
type Ref struct {
	Account   string
	Name      string
	Qualifier string // number of a version, name of an alias, $LATEST; "": none is named
}

// ParseFunction reads what names a function: its name, a partial ARN (ACCOUNT:function:NAME) or an ARN, each with or
// without a qualifier, which may also be given apart. A bare name is the account's. It returns ErrNoFunction for a
// function of another region, and ErrInput where two qualifiers are named. Source: Lambda API, FunctionName.
func (c *Control) ParseFunction(account, name, qualifier string) (Ref, error) {
	r := Ref{Account: account, Qualifier: qualifier}
	rest := name
	if arn.Is(name) {
		of, region, is := strings.Cut(name, ":lambda:") // arn.Parse makes a slice, and this is on every call's way
		region, owner, _ := strings.Cut(region, ":")
		if r.Account, rest, is = strings.Cut(owner, ":"); !is || strings.Count(of, ":") != 1 {
			return r, errs.Say(ErrForm, "'%s' is not the ARN of a function", name)
		}
		if region != c.config.Region {
			return r, errs.Say(ErrNoFunction, "Functions from '%s' are not reachable in this region ('%s')", region, c.config.Region)
		}
	} else if owner, after, found := strings.Cut(name, ":"); found && isAccount(owner) {
		r.Account, rest = owner, after
	}
	rest = strings.TrimPrefix(rest, "function:")
	named, with, _ := strings.Cut(rest, ":")
	r.Name = named
	switch {
	case with == "":
	case r.Qualifier == "":
		r.Qualifier = with
	case r.Qualifier != with:
		return r, errs.Say(ErrInput, "The derived qualifier from the function name does not match the specified qualifier.")
	}
	return r, nil
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Whole names the function alone.
func (r Ref) Whole() Ref { return Ref{Account: r.Account, Name: r.Name} }

// ARN is the ARN of a function, with the qualifier if one is named.
func (c *Control) ARN(r Ref) string {
	resource := "function:" + r.Name
	if r.Qualifier != "" {
		resource += ":" + r.Qualifier
	}
	return arn.ARN{Service: "lambda", Region: c.config.Region, Account: r.Account, Resource: resource}.String()
}

// IsVersion reports whether it is a version that was published that is named.
func (r Ref) IsVersion() bool { return isNumber(r.Qualifier) }

// isNumber tells the number of a version from the name of an alias.
func isNumber(qualifier string) bool {
	return qualifier != "" && strings.Trim(qualifier, "0123456789") == ""
}

// noFunction is the error for a function or version that is not there.
func (c *Control) noFunction(r Ref) error {
	return errs.Say(ErrNoFunction, "Function not found: %s", c.ARN(r))
}

// noAlias is the error for an alias that is not there.
func (c *Control) noAlias(r Ref) error {
	return errs.Say(ErrNoAlias, "Cannot find alias arn: %s", c.ARN(r))
}
