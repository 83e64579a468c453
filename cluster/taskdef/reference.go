package taskdef

import (
	"strings"
	"unicode"

	"slipway/internal/arn"
	"slipway/internal/lazyregexp"
)

// The limits of what definitions name by reference. Source: Amazon ECS Developer Guide, "Pass an
// individual environment variable to an Amazon ECS container".
const (
	maxEnvFiles  = 10
	maxParameter = 2048
)

var (
	objectPattern    = lazyregexp.New(`^arn:aws:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f]+$`)
	parameterPattern = lazyregexp.New(`^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*(:[A-Za-z0-9_.-]+)?$`) // with a version or label, or without
	secretPattern    = lazyregexp.New(`^[A-Za-z0-9/_+=.@-]{1,512}$`)
	sysctlPattern    = lazyregexp.New(`^[a-z0-9_]+([./][A-Za-z0-9_*-]+)+$`)
)

// source checks a valueFrom: the ARN of a secret or of a parameter, or the name of a parameter.
func (c *checker) source(from, path string) {
	known := isSecretARN(from) || isParameterARN(from) || len(from) <= maxParameter && parameterPattern.MatchString(from)
	c.refuse(!known, path, "%q is neither the ARN of a secret or parameter, nor the name of a parameter.", from)
}

// isSecretARN knows arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, which may be followed by a key
// of its JSON, a stage and a version.
func isSecretARN(s string) bool {
	a, err := arn.Parse(s)
	name, ok := strings.CutPrefix(a.Resource, "secret:")
	return err == nil && a.Service == "secretsmanager" && a.Region != "" && a.Account != "" && ok && name != "" && strings.Count(name, ":") <= 3 && printable(s)
}

func isParameterARN(s string) bool {
	a, err := arn.Parse(s)
	name, ok := strings.CutPrefix(a.Resource, "parameter/")
	return err == nil && a.Service == "ssm" && a.Region != "" && a.Account != "" && ok && parameterPattern.MatchString(name)
}

// SecretARN is the ARN, but for its suffix, of a secret that may be named without.
func SecretARN(region, account, name string) string {
	if arn.Is(name) {
		return name
	}
	return arn.ARN{Service: "secretsmanager", Region: region, Account: account, Resource: "secret:" + name}.String()
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
