package oci

import (
	"net/http"
	"net/url"
	"strconv"

	"slipway/internal/page"
	"slipway/registry"
)

// maxPage is how many entries a page has at most, and when the client does not say.
const maxPage = 1000

func (d *door) listTags(c *call) error {
	n, err := pageSize(c)
	if err != nil {
		return err
	}
	found, err := d.registry.Tags(c.r.Context(), c.account, c.name, c.r.URL.Query().Get("last"), n+1)
	if err != nil {
		return err
	}
	tags, last := cut(found, n, func(tag string) string { return tag })
	if last != "" {
		c.w.Header().Set("Link", nextPage(c.r.URL.Path, url.Values{"n": {strconv.Itoa(n)}, "last": {last}}))
	}
	if tags == nil {
		tags = []string{}
	}
	return c.answerJSON(http.StatusOK, "application/json", map[string]any{"name": c.name, "tags": tags})
}

// pageSize reads how many entries the client wants.
func pageSize(c *call) (int, error) {
	text := c.r.URL.Query().Get("n")
	if text == "" {
		return maxPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, problemf(http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n is %q, want a number from 0 on", text)
	}
	return min(n, maxPage), nil
}

// cut is page.Cut for clients who may ask for nothing.
func cut[T any](rows []T, n int, key func(T) string) ([]T, string) {
	if n == 0 {
		return nil, ""
	}
	return page.Cut(rows, n, key)
}

// referrerIndex is an image index of what refers to a manifest.
type referrerIndex struct {
	SchemaVersion int                  `json:"schemaVersion"`
	MediaType     string               `json:"mediaType"`
	Manifests     []referrerDescriptor `json:"manifests"`
}

type referrerDescriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       registry.Digest   `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

func (d *door) listReferrers(c *call) error {
	subject, err := registry.ParseDigest(c.ref)
	if err != nil {
		return err
	}
	n, err := pageSize(c)
	if err != nil {
		return err
	}
	query := c.r.URL.Query()
	found, more, err := d.registry.Referrers(c.r.Context(), c.account, c.name, subject, registry.Digest(query.Get("last")), n)
	if err != nil {
		return err
	}
	if more && n > 0 {
		query.Set("last", string(found[len(found)-1].Digest))
		c.w.Header().Set("Link", nextPage(c.r.URL.Path, query))
	}
	index := referrerIndex{2, registry.MediaTypeOCIIndex, []referrerDescriptor{}}
	for _, r := range found {
		if !query.Has("artifactType") || query.Get("artifactType") == r.Type() {
			index.Manifests = append(index.Manifests, referrerDescriptor{r.MediaType, r.Digest, r.Size, r.Type(), r.Annotations})
		}
	}
	if query.Has("artifactType") {
		c.w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	return c.answerJSON(http.StatusOK, registry.MediaTypeOCIIndex, index)
}
