// Package condition knows the condition keys of policies that every HTTP request has, whatever it
// asks for.
//
// Source: IAM User Guide, "AWS global condition context keys".
package condition

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Request is what the keys are read from.
type Request struct {
	HTTP            *http.Request
	Time            time.Time // when it came
	Region          string    // where it is served
	ResourceAccount string    // whose the resource is
}

// Value returns the value of a key, which is in lower case, and whether the request has it.
func (r Request) Value(key string) (string, bool) {
	switch key {
	case "aws:sourceip":
		return SourceAddress(r.HTTP), true
	case "aws:useragent":
		return r.HTTP.UserAgent(), r.HTTP.UserAgent() != ""
	case "aws:referer":
		return r.HTTP.Referer(), r.HTTP.Referer() != ""
	case "aws:securetransport":
		return strconv.FormatBool(r.HTTP.TLS != nil), true
	case "aws:currenttime":
		return r.Time.UTC().Format(time.RFC3339), true
	case "aws:epochtime":
		return strconv.FormatInt(r.Time.Unix(), 10), true
	case "aws:requestedregion":
		return r.Region, true
	case "aws:viaawsservice":
		return "false", true
	case "aws:resourceaccount":
		return r.ResourceAccount, true
	}
	return "", false
}

// SourceAddress is the address of a client without its port: "192.0.2.7".
func SourceAddress(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// Tag finds the value of a tag by its name in lower case, as keys have it: "aws:resourcetag/team".
// Of names that differ only by case, the first in the order of bytes decides.
func Tag(tags map[string]string, name string) ([]string, bool) {
	best, found := "", false
	for key := range tags {
		if strings.EqualFold(key, name) && (!found || key < best) {
			best, found = key, true
		}
	}
	if !found {
		return nil, false
	}
	return []string{tags[best]}, true
}
