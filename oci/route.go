package oci

import (
	"net/url"
	"strings"
)

// kind is what a path is about.
type kind int

const (
	base kind = iota
	blobs
	uploads
	manifests
	tags
	referrers
)

// route is what a path says.
type route struct {
	kind kind
	name string // of the repository
	ref  string // digest, tag or upload id; "" for a new upload and for tags
}

// parseRoute reads a path from the right, since repository names hold slashes, and may hold the
// words that paths are made of.
func parseRoute(path string) (route, bool) {
	rest, ok := strings.CutPrefix(path, "/v2")
	switch {
	case !ok:
		return route{}, false
	case rest == "" || rest == "/":
		return route{kind: base}, true
	case rest[0] != '/':
		return route{}, false
	}
	if name, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		return named(tags, name, "")
	}
	if name, ok := strings.CutSuffix(rest, "/blobs/uploads"); ok {
		return named(uploads, name, "")
	}
	slash := strings.LastIndexByte(rest, '/')
	before, last := rest[:slash], rest[slash+1:]
	for _, k := range []struct {
		kind kind
		word string
	}{{uploads, "/blobs/uploads"}, {blobs, "/blobs"}, {manifests, "/manifests"}, {referrers, "/referrers"}} {
		if name, ok := strings.CutSuffix(before, k.word); ok {
			return named(k.kind, name, last)
		}
	}
	return route{}, false
}

func named(k kind, name, ref string) (route, bool) {
	name, ok := strings.CutPrefix(name, "/")
	return route{k, name, ref}, ok && name != ""
}

// Paths, as answers name them: without a host, so that they hold behind any name and any proxy.

func blobPath(name, digest string) string { return "/v2/" + name + "/blobs/" + digest }

func uploadPath(name, id string) string { return "/v2/" + name + "/blobs/uploads/" + id }

func manifestPath(name, digest string) string { return "/v2/" + name + "/manifests/" + digest }

// nextPage is the Link of a page that is not the last.
func nextPage(path string, query url.Values) string {
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}
