// Package arn builds and takes apart Amazon Resource Names:
// arn:partition:service:region:account:resource.
//
// Source: AWS General Reference, "Amazon Resource Names".
package arn

import (
	"fmt"
	"strings"
)

// ARN is one Amazon Resource Name. The partition is always "aws".
type ARN struct {
	Service  string // "ecs", "ecr", "logs", ...
	Region   string // "" for global services
	Account  string // twelve digits, or "" where the service has none
	Resource string // the rest, colons and slashes included: "task/web/0123", "log-group:/app:*"
}

func (a ARN) String() string {
	return "arn:aws:" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Is reports whether s claims to be an ARN, well formed or not.
func Is(s string) bool { return strings.HasPrefix(s, "arn:") }

// Parse takes s apart, or says what is wrong with it.
func Parse(s string) (ARN, error) {
	f := strings.SplitN(s, ":", 6)
	switch {
	case f[0] != "arn":
		return ARN{}, fmt.Errorf("ARN %q does not start with \"arn:\"", s)
	case len(f) < 6 || f[2] == "" || f[5] == "":
		return ARN{}, fmt.Errorf("ARN %q is not of the form arn:partition:service:region:account:resource", s)
	}
	return ARN{Service: f[2], Region: f[3], Account: f[4], Resource: f[5]}, nil
}

// ResourceID splits the resource at its first slash: "task/web/0123" is "task" and "web/0123".
// A resource without a slash is all type and no id.
func (a ARN) ResourceID() (kind, id string) {
	kind, id, _ = strings.Cut(a.Resource, "/")
	return kind, id
}
