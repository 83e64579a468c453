package oci

import "testing"

func TestRoutes(t *testing.T) {
	for path, want := range map[string]route{
		"/v2":                                  {base, "", ""},
		"/v2/":                                 {base, "", ""},
		"/v2/a/tags/list":                      {tags, "a", ""},
		"/v2/a/b/manifests/v1":                 {manifests, "a/b", "v1"},
		"/v2/a/blobs/sha256:00":                {blobs, "a", "sha256:00"},
		"/v2/a/blobs/uploads":                  {uploads, "a", ""},
		"/v2/a/blobs/uploads/":                 {uploads, "a", ""},
		"/v2/a/blobs/uploads/id":               {uploads, "a", "id"},
		"/v2/a/blobs/uploads/blobs/uploads/id": {uploads, "a/blobs/uploads", "id"},
		"/v2/a/referrers/sha256:00":            {referrers, "a", "sha256:00"},
		"/v2/a/tags/list/tags/list":            {tags, "a/tags/list", ""},
	} {
		if got, ok := parseRoute(path); !ok || got != want {
			t.Errorf("%s is %+v, want %+v", path, got, want)
		}
	}
	for _, path := range []string{"", "/", "/v1/", "/v2x", "/v2/a", "/v2/tags/list", "/v2//tags/list", "/v2/manifests/v1", "/v2/a/manifests"} {
		if got, ok := parseRoute(path); ok {
			t.Errorf("%s is %+v, want nothing", path, got)
		}
	}
}

func FuzzRoute(f *testing.F) {
	for _, path := range []string{"", "/v2", "/v2/a/blobs/uploads/", "/v2/a/manifests/v1"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if r, ok := parseRoute(path); ok && r.kind != base && r.name == "" {
			t.Errorf("%q is %+v, without a name", path, r)
		}
	})
}

func TestHostAccount(t *testing.T) {
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.us-east-1.amazonaws.com":  "123456789012",
		"123456789012.dkr.ecr.eu-west-1.localhost:4600": "123456789012",
		"127.0.0.1:4600":                          "",
		"localhost":                               "",
		"12345678901.dkr.ecr.us-east-1.x":         "",
		"12345678901a.dkr.ecr.us-east-1.x":        "",
		"123456789012.s3.us-east-1.amazonaws.com": "",
	} {
		if got, ok := hostAccount(host); got != want || ok != (want != "") {
			t.Errorf("%s names %q, want %q", host, got, want)
		}
	}
}
