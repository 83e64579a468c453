package oci_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"slipway/registry"
)

var discoveryStatements = []statement{
	{"a repository without tags has an empty list of them", func(r *repository) {
		r.wantTags("", "[]").wantHeader("Content-Type", "application/json").wantHeader("Link", "")
	}},
	{"tags come in their order, by bytes", func(r *repository) {
		r.tags("b", "a", "B", "10", "2", "_x", "a-b", "a.b")
		r.wantTags("", `["10","2","B","_x","a","a-b","a.b","b"]`)
	}},
	{"no more than n tags come, with a Link to the next", func(r *repository) {
		r.tags("a", "b", "c", "d", "e")
		var pages []string
		for path := r.path("/tags/list?n=2"); path != ""; {
			a := r.do("GET", path, "").want(200)
			pages = append(pages, listed(r, a))
			path = next(r, a)
		}
		if want := []string{`["a","b"]`, `["c","d"]`, `["e"]`}; !slices.Equal(pages, want) {
			r.t.Errorf("pages %q, want %q", pages, want)
		}
	}},
	{"no Link comes with the last page, even if it is full", func(r *repository) {
		r.tags("a", "b")
		r.wantTags("?n=2", `["a","b"]`).wantHeader("Link", "")
	}},
	{"n=0 is no tags and no Link", func(r *repository) {
		r.tags("a")
		r.wantTags("?n=0", "[]").wantHeader("Link", "")
	}},
	{"tags begin after last, whether it is there or not", func(r *repository) {
		r.tags("a", "c", "e")
		r.wantTags("?last=c", `["e"]`)
		r.wantTags("?last=b", `["c","e"]`)
		r.wantTags("?last=b&n=1", `["c"]`)
		r.wantTags("?last=e", "[]")
	}},
	{"an n that is no number is refused", func(r *repository) {
		for _, n := range []string{"-1", "x", "1.5", "99999999999999999999"} {
			r.ask("GET", "/tags/list?n="+n, "").fails(400, "PAGINATION_NUMBER_INVALID", n)
		}
		r.wantTags("?n=999999999", "[]")
	}},
	{"the tags of a repository that is not there are not found", func(r *repository) {
		r.do("GET", "/v2/nowhere/tags/list", "").fails(404, "NAME_UNKNOWN")
	}},
	{"what has no referrers has an empty index of them, whether it is there or not", func(r *repository) {
		_, digest := r.taggedImage("v1")
		for _, subject := range []string{digest, string(digestOf("nothing")), sha512Of("nothing")} {
			a := r.ask("GET", "/referrers/"+subject, "").want(200).wantHeader("Content-Type", registry.MediaTypeOCIIndex).wantHeader("Link", "")
			if want := indexOf(""); a.body != want {
				r.t.Errorf("referrers %s, want %s", a.body, want)
			}
		}
	}},
	{"what refers is found, pushed before its subject or after it, with its type and annotations", func(r *repository) {
		r.blob("{}")
		r.blob("layer")
		m := manifestOf("{}", "layer", "")
		subject := `,"subject":` + descriptorOf(ociManifest, m)
		before := artifactOf("application/x.sbom", subject+`,"annotations":{"when":"before"}`)
		after := manifestOf("{}", "layer", subject)
		index := indexOf(`,"artifactType":"application/x.set"` + subject)
		r.manifest("before", ociManifest, before)
		r.manifest("v1", ociManifest, m)
		r.manifest("after", ociManifest, after)
		r.manifest("index", registry.MediaTypeOCIIndex, index)
		found := r.referrers(string(digestOf(m)), "")
		want := map[string]referrer{
			string(digestOf(before)): {ociManifest, string(digestOf(before)), int64(len(before)), "application/x.sbom", map[string]string{"when": "before"}},
			string(digestOf(after)):  {ociManifest, string(digestOf(after)), int64(len(after)), "application/vnd.oci.image.config.v1+json", nil},
			string(digestOf(index)):  {registry.MediaTypeOCIIndex, string(digestOf(index)), int64(len(index)), "application/x.set", nil},
		}
		if fmt.Sprint(found) != fmt.Sprint(want) {
			r.t.Errorf("referrers %v, want %v", found, want)
		}
	}},
	{"what refers is found by its type, and the answer says so", func(r *repository) {
		r.blob("{}")
		subject := string(digestOf("image"))
		for _, kind := range []string{"application/x.sbom", "application/x.signature+json"} {
			m := artifactOf(kind, `,"subject":`+descriptorOf(ociManifest, "image"))
			r.manifest(string(digestOf(m)), ociManifest, m)
		}
		r.ask("GET", "/referrers/"+subject, "").want(200).wantHeader("Oci-Filters-Applied", "")
		for kind, n := range map[string]int{"application/x.sbom": 1, "application/x.signature+json": 1, "application/x.none": 0} {
			query := "?artifactType=" + url.QueryEscape(kind)
			r.ask("GET", "/referrers/"+subject+query, "").want(200).wantHeader("Oci-Filters-Applied", "artifactType")
			if found := r.referrers(subject, query); len(found) != n {
				r.t.Errorf("%s: %v, want %d", kind, found, n)
			}
		}
	}},
	{"what refers to a digest under sha512 is found under it", func(r *repository) {
		r.blob("{}")
		m := artifactOf("application/x.sbom", fmt.Sprintf(`,"subject":{"mediaType":"%s","digest":"%s","size":5}`, ociManifest, sha512Of("image")))
		digest := sha512Of(m)
		r.ask("PUT", "/manifests/"+digest, m, "Content-Type", ociManifest).want(201).wantHeader("Oci-Subject", sha512Of("image"))
		if found := r.referrers(sha512Of("image"), ""); found[digest].Digest != digest || len(found) != 1 {
			r.t.Errorf("referrers %v", found)
		}
	}},
	{"many referrers come in pages, and no page is larger than a manifest may be", func(r *repository) {
		r.blob("{}")
		subject := string(digestOf("image"))
		want := map[string]bool{}
		for i := range 12 {
			note := strings.Repeat("x", 1<<20)
			m := artifactOf("application/x.sbom", fmt.Sprintf(`,"annotations":{"n":"%d","note":"%s"},"subject":%s`, i, note, descriptorOf(ociManifest, "image")))
			want[r.manifest(string(digestOf(m)), ociManifest, m)] = true
		}
		found := map[string]bool{}
		for path := r.path("/referrers/" + subject + "?artifactType=application/x.sbom"); path != ""; {
			a := r.do("GET", path, "").want(200).wantHeader("Oci-Filters-Applied", "artifactType")
			if len(a.body) > registry.MaxManifest {
				r.t.Errorf("a page of %d bytes", len(a.body))
			}
			for digest := range referrersIn(r, a) {
				found[digest] = true
			}
			path = next(r, a)
		}
		if fmt.Sprint(found) != fmt.Sprint(want) {
			r.t.Errorf("found %d referrers, want %d", len(found), len(want))
		}
	}},
	{"referrers are found no longer when they are gone, and stay when their subject is", func(r *repository) {
		r.blob("{}")
		m, subject := r.taggedImage("v1")
		digest := r.manifest("sbom", ociManifest, artifactOf("application/x.sbom", `,"subject":`+descriptorOf(ociManifest, m)))
		r.ask("DELETE", "/manifests/"+subject, "").want(202)
		if found := r.referrers(subject, ""); len(found) != 1 {
			r.t.Errorf("referrers %v of a subject that is gone", found)
		}
		r.ask("DELETE", "/manifests/"+digest, "").want(202)
		if found := r.referrers(subject, ""); len(found) != 0 {
			r.t.Errorf("referrers %v after they are gone", found)
		}
	}},
	{"a client that knows no referrers keeps an index of them under a tag", func(r *repository) {
		m, subject := r.taggedImage("v1")
		artifact := artifactOf("application/x.sbom", `,"subject":`+descriptorOf(ociManifest, m))
		r.manifest(string(digestOf(artifact)), ociManifest, artifact)
		tag := strings.Replace(subject, ":", "-", 1)
		r.ask("GET", "/manifests/"+tag, "").fails(404, "MANIFEST_UNKNOWN")
		index := indexOf("", descriptorOf(ociManifest, artifact))
		r.reads("/manifests/"+r.manifest(tag, registry.MediaTypeOCIIndex, index), index)
		r.reads("/manifests/"+tag, index)
		r.ask("DELETE", "/manifests/"+tag, "").want(202)
	}},
}

// tags pushes an image of each tag.
func (r *repository) tags(tags ...string) {
	r.t.Helper()
	for _, tag := range tags {
		r.taggedImage(tag)
	}
}

func (r *repository) wantTags(query, want string) answer {
	r.t.Helper()
	a := r.ask("GET", "/tags/list"+query, "").want(200)
	if want = fmt.Sprintf(`{"name":"%s","tags":%s}`, r.name, want); a.body != want {
		r.t.Errorf("tags%s: %s, want %s", query, a.body, want)
	}
	return a
}

// listed are the tags of a page, as JSON.
func listed(r *repository, a answer) string {
	r.t.Helper()
	var page struct{ Tags json.RawMessage }
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		r.t.Fatal(err)
	}
	return string(page.Tags)
}

// next is where a Link leads to, "" without one. Source: RFC 5988.
func next(r *repository, a answer) string {
	r.t.Helper()
	link := a.Header.Get("Link")
	if link == "" {
		return ""
	}
	path, ok := strings.CutSuffix(link, `>; rel="next"`)
	if !ok || path[0] != '<' {
		r.t.Fatalf("Link %q", link)
	}
	return path[1:]
}

// referrer is an entry of the index of referrers, as clients read it.
type referrer struct {
	MediaType    string
	Digest       string
	Size         int64
	ArtifactType string
	Annotations  map[string]string
}

func (r *repository) referrers(subject, query string) map[string]referrer {
	r.t.Helper()
	return referrersIn(r, r.ask("GET", "/referrers/"+subject+query, "").want(200))
}

func referrersIn(r *repository, a answer) map[string]referrer {
	r.t.Helper()
	var index struct {
		SchemaVersion int
		MediaType     string
		Manifests     []referrer
	}
	if err := json.Unmarshal([]byte(a.body), &index); err != nil || index.SchemaVersion != 2 || index.MediaType != registry.MediaTypeOCIIndex {
		r.t.Fatalf("not an index: %.200s, %v", a.body, err)
	}
	found := map[string]referrer{}
	for _, m := range index.Manifests {
		found[m.Digest] = m
	}
	return found
}
