package oci

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"time"

	"slipway/internal/paced"
	"slipway/registry"
)

func (d *door) getManifest(c *call) error {
	id, err := registry.ParseReference(c.ref)
	if err != nil {
		return err
	}
	ctx := d.registry.Puller(c.r.Context(), c.account, c.who.ARN)
	m, err := d.registry.Pull(ctx, c.account, c.name, id, d.mayImport(c))
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", m.MediaType)
	h.Set("Docker-Content-Digest", string(m.Digest))
	h.Set("ETag", `"`+string(m.Digest)+`"`)
	http.ServeContent(paced.NewWriter(c.w), c.r, "", time.Time{}, bytes.NewReader(m.Raw))
	return nil
}

// putManifest pushes under one tag, under a digest, or under a digest and the tags that the query names,
// which is how what is named by another digest than sha256 gets a tag.
// Source: OCI Distribution Specification, "Pushing Manifests with Tags", which came after 1.1.
func (d *door) putManifest(c *call) error {
	push, err := readPush(c)
	if err != nil {
		return err
	}
	tags := []string{push.Tag}
	if push.Tag == "" {
		if more, err := tagsOf(c); err != nil {
			return err
		} else if len(more) > 0 {
			tags = more
		}
	}
	var made registry.Image
	for _, push.Tag = range tags {
		if made, _, err = d.registry.PutManifest(c.r.Context(), c.account, c.name, push); err != nil {
			return err
		}
	}
	h := c.w.Header()
	if push.Digest != "" && push.Tag != "" {
		h["Oci-Tag"] = tags
	}
	if made.Subject != "" {
		h.Set("OCI-Subject", string(made.Subject))
	}
	c.created(manifestPath(c.name, string(made.Digest)), made.Digest)
	return nil
}

// maxTags is how many tags one push may set.
const maxTags = 100

// tagsOf reads the tags of the query, before any of them is set.
func tagsOf(c *call) ([]string, error) {
	tags := c.r.URL.Query()["tag"]
	if len(tags) > maxTags {
		return nil, problemf(http.StatusRequestURITooLong, "TAG_INVALID", "%d tags, at most %d are set at once", len(tags), maxTags)
	}
	for _, tag := range tags {
		if err := registry.CheckTag(tag); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// readPush checks the reference before it reads the body.
func readPush(c *call) (registry.Push, error) {
	id, err := registry.ParseReference(c.ref)
	if err != nil {
		return registry.Push{}, err
	}
	mediaType := c.r.Header.Get("Content-Type")
	if mediaType != "" {
		if mediaType, _, err = mime.ParseMediaType(mediaType); err != nil {
			return registry.Push{}, problemf(http.StatusBadRequest, "MANIFEST_INVALID", "Content-Type %q: %v", c.r.Header.Get("Content-Type"), err)
		}
	}
	raw, err := readManifest(c)
	return registry.Push{Raw: raw, MediaType: mediaType, Digest: id.Digest, Tag: id.Tag}, err
}

// readManifest reads no more than a manifest may have, and one byte that tells if there is more.
func readManifest(c *call) ([]byte, error) {
	if c.r.ContentLength > registry.MaxManifest {
		return nil, registry.ErrManifestTooLarge
	}
	body := paced.NewBody(c.w, c.r)
	defer body.Done()
	var raw bytes.Buffer
	raw.Grow(int(max(0, c.r.ContentLength)) + bytes.MinRead)
	_, err := raw.ReadFrom(io.LimitReader(body, registry.MaxManifest+1))
	if err == nil && raw.Len() > registry.MaxManifest {
		err = registry.ErrManifestTooLarge
	}
	return raw.Bytes(), err
}

// deleteManifest takes away a tag, or an image with all its tags.
func (d *door) deleteManifest(c *call) error {
	id, err := registry.ParseReference(c.ref)
	if err != nil {
		return err
	}
	if id.Tag != "" {
		err = d.registry.Untag(c.r.Context(), c.account, c.name, id.Tag)
	} else {
		err = d.registry.DeleteManifest(c.r.Context(), c.account, c.name, id.Digest)
	}
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
