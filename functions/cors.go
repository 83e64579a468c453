package functions

import (
	"slices"
	"strings"

	"slipway/internal/errs"
)

// CORS is what browsers are told of a URL: which pages of other origins may call it, and how. The zero value is none.
//
// Source: API Reference, "Cors".
type CORS struct {
	Credentials *bool    `json:"credentials,omitempty"`
	Headers     []string `json:"headers,omitempty"`
	Methods     []string `json:"methods,omitempty"`
	Origins     []string `json:"origins,omitempty"`
	Expose      []string `json:"expose,omitempty"`
	MaxAge      *int     `json:"maxAge,omitempty"` // seconds
}

// methods are those that a URL may allow; OPTIONS it answers itself.
var methods = []string{"GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"}

// Empty reports whether nothing is said: the URL does not answer for its function then.
func (c CORS) Empty() bool {
	return c.Credentials == nil && c.MaxAge == nil && len(c.Headers)+len(c.Methods)+len(c.Origins)+len(c.Expose) == 0
}

// check fails with ErrInput for what no browser could be told.
func (c CORS) check() error {
	for _, m := range c.Methods {
		if !slices.Contains(methods, m) {
			return errs.Say(ErrInput, "The method '%s' is not valid in AllowMethods. Valid values: %s", m, strings.Join(methods, ", "))
		}
	}
	for _, o := range c.Origins {
		if !isOrigin(o) {
			return errs.Say(ErrInput, "The origin '%s' is not valid in AllowOrigins. It must be * or begin with http:// or https://, and have no path", o)
		}
	}
	for _, h := range slices.Concat(c.Headers, c.Expose) {
		if h != "*" && !isToken(h) {
			return errs.Say(ErrInput, "'%s' is not the name of a header", h)
		}
	}
	return nil
}

// isOrigin reports whether browsers could send s as an Origin, or it is "*". A host may have a "*" label.
func isOrigin(s string) bool {
	if s == "*" {
		return true
	}
	host, ok := strings.CutPrefix(s, "https://")
	if !ok {
		host, ok = strings.CutPrefix(s, "http://")
	}
	return ok && host != "" && !strings.ContainsAny(host, "/?#@ \t\r\n\\")
}

// isToken reports whether s can be the name of a header. Source: RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) {
			return false
		}
	}
	return s != ""
}
