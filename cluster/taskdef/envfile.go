package taskdef

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"slipway/internal/errs"
)

// ParseEnvFile reads a file of lines NAME=value, as docker's --env-file does: a line that begins with #
// is a comment, and spaces and quotation marks after the = are the value's own. A line with a name
// alone would take its value from the machine, and is refused. It fails with ErrEnvFile, which tells lines, and no values.
// Source: Amazon ECS Developer Guide, "Pass environment variables to an Amazon ECS container".
func ParseEnvFile(text []byte) (variables []Variable, err error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		return nil, errs.Say(ErrEnvFile, "it is not text in UTF-8")
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimLeftFunc(strings.TrimRight(line, "\r\n"), unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		switch {
		case !ok:
			return nil, errs.Say(ErrEnvFile, "line %d has no =", number)
		case name == "" || strings.ContainsFunc(name, unicode.IsSpace) || strings.Contains(line, "\x00"):
			return nil, errs.Say(ErrEnvFile, "line %d does not begin with the name of a variable", number)
		}
		variables = append(variables, Variable{name, value})
	}
	return variables, nil
}
